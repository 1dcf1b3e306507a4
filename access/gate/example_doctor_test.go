package gate_test

import (
	"context"
	"fmt"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func ExampleGate_Doctor() {
	g, store := newSite()
	issues, err := g.Doctor(context.Background(), gate.Diagnostics{Readers: storage.ReadersOf(store)})
	for _, f := range issues {
		fmt.Println(f.Severity, f.Code)
		fmt.Println(f.What)
		fmt.Println(f.Do)
	}
	fmt.Println(err)
	// Output:
	// warning store_not_durable
	// The storage loses everything when the process ends.
	// Use sqlstore, with a file or PostgreSQL, for anything but a test.
	// <nil>
}
