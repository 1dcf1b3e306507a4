// Command testing shows how a host tests its own code against the simulator,
// with faults and without waiting. The host's code is screen, below: what a
// door's tablet shows after a tap. The interesting file is main_test.go.
//
//	go run ./examples/testing      # one tap, for the look of it
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
	ctx := context.Background()
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err == nil {
		defer sim.Close()
		var h *host
		if h, err = newHost(ctx, sim); err == nil {
			defer h.close()
			fmt.Println(h.screen(ctx, rand.Text(), "ada", "front"))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testing:", err)
		os.Exit(1)
	}
}

// screen sends one tap through the gate and says what the tablet shows.
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
