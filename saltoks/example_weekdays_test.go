package saltoks_test

import (
	"fmt"

	"github.com/doorkit/doorkit/saltoks"
)

func ExampleWeekdays_Any() {
	fmt.Println(saltoks.Weekdays{}.Any(), saltoks.Weekdays{Monday: true}.Any())
	// Output: false true
}
