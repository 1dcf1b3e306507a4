// Command testing shows how a host tests its own code against the simulator, with
// faults and without waiting. The code under test is the method screen: the text that a
// tablet beside the door shows after a tap. Its tests are in main_test.go.
//
//	go run ./examples/testing      # one tap
//	go test ./examples/testing
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // the site's zone, wherever this runs

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "testing:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err != nil {
		return err
	}
	defer sim.Close()
	h, err := newHost(ctx, sim)
	if err != nil {
		return err
	}
	defer h.close()
	fmt.Println(h.screen(ctx, rand.Text(), "ada", "front"))
	return nil
}

// screen sends one tap to the gate and returns the text that the tablet shows.
func (h *host) screen(ctx context.Context, requestID, member, door string) string {
	r, err := h.gate.Unlock(ctx, gate.Tap{RequestID: requestID, Member: member, Door: door, TappedAt: h.now()})
	switch {
	case r.Opened():
		return fmt.Sprintf("OPEN  %s Pull within %d seconds.", r.Message(), int(r.RelockAt.Sub(r.At)/time.Second))
	case r.Outcome == gate.Unconfirmed:
		return "TRY   " + r.Message()
	case err != nil || r.Cause != "":
		return "SORRY " + r.Message()
	case !r.Decision.NextChange.IsZero():
		return "LATER " + r.Message() + " From " + r.Decision.NextChange.In(h.zone).Format("15:04") + "."
	}
	return "NO    " + r.Message()
}
