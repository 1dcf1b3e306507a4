package saltokstest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// A program in another process controls the simulator over HTTP.
func ExampleNewControlClient() {
	ctx := context.Background()
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{}) // as examples/simulator does
	if err != nil {
		log.Fatal(err)
	}
	control, err := saltokstest.NewControlClient(saltokstest.ControlConfig{URL: srv.Control()})
	if err != nil {
		log.Fatal(err)
	}
	before, err := control.Now(ctx)
	if err != nil {
		log.Fatal(err)
	}
	after, err := control.Advance(ctx, 90*24*time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(after.Sub(before).Round(24 * time.Hour))
	fmt.Println(srv.Close(ctx))
	// Output:
	// 2160h0m0s
	// <nil>
}
