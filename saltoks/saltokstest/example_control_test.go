package saltokstest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// A ControlClient controls a simulator in another process, such as examples/simulator. Its
// clock is the Now of the program under test.
func ExampleNewControlClient() {
	srv := must(saltokstest.Serve("127.0.0.1:0", saltokstest.Config{})) // the other process
	ctx := context.Background()
	defer func() { _ = srv.Close(ctx) }()

	control := must(saltokstest.NewControlClient(saltokstest.ControlConfig{URL: srv.Control()}))
	must(control.Advance(ctx, 90*24*time.Hour))
	now := must(control.Clock(ctx))
	fmt.Println(time.Until(now()).Round(time.Hour))

	lock := must(control.Lock(ctx, srv.World().Sites[0].Locks[0].ID))
	fmt.Println(lock.Name, lock.LockedState, lock.Movements)
	// Output:
	// 2160h0m0s
	// Main Entrance locked 0
}
