package access_test

import (
	"fmt"

	"github.com/doorkit/doorkit/access"
)

// The evidence names every basis of an allowing decision, for the log.
func ExampleDecision_Evidence() {
	policy := must(access.Compile(space()))
	d := policy.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Evidence().Memberships, d.Evidence().Grants, d.Evidence().Reservations)
	d = policy.Decide(access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Evidence().Memberships)
	// Output:
	// true [m1] [] []
	// false []
}
