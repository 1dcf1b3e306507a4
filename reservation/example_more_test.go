package reservation_test

import (
	"fmt"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

var nine = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func ExampleWindow_Contains() {
	w := reservation.Window{From: nine, Until: nine.Add(time.Hour)}
	fmt.Println(w.Contains(nine), w.Contains(w.Until), w.Empty(), reservation.Window{}.Empty())
	// Output: true false false true
}

func ExampleStatus_OrDefault() {
	var r reservation.Reservation
	fmt.Println(r.Status.OrDefault(), reservation.Pending.OrDefault())
	// Output: confirmed pending
}
