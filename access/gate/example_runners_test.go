package gate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// A process with many sites gives their runners to one Runners. With saltolocks the
// runner of a site is Site.Runner.
func ExampleRunners() {
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	store, zones := memstore.New(), &gate.Zones{}
	var all gate.Runners
	for _, site := range []string{"loft", "attic"} {
		g, _ := gate.New(gate.Config{Site: site, Facts: store, Records: store, Locks: &driver{}, Zones: zones})
		r, _ := gate.NewRunner(gate.RunnerConfig{Gate: g})
		remove, err := all.Add(r)
		fmt.Println(site, err)
		defer remove() // when the site is closed
	}
	all.Run(ctx)
	// Output:
	// loft <nil>
	// attic <nil>
}
