package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// start sets up a club on its own simulator, in memory. Inside synctest.Test waiting
// takes no real time, and the clock starts at midnight UTC on 1 January 2000. The
// function it returns counts the movements of the door.
func start(t *testing.T) (*host, *saltokstest.Sim, func() int) {
	t.Helper()
	sim := saltokstest.New(t, saltokstest.Config{})
	h, err := newHost(t.Context(), sim)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h, sim, func() int { return sim.Movements(sim.World().Sites[0].Locks[0].ID) }
}

func tap(t *testing.T, h *host, n int, member string) string {
	t.Helper()
	return h.screen(t.Context(), fmt.Sprintf("tap-%012d", n), member, "front")
}

// TestScreen checks what the tablet shows after each fault, and how often the door moved.
func TestScreen(t *testing.T) {
	for _, c := range []struct {
		name, member string
		fault        func(*saltokstest.Sim)
		want         string
		moved        int
	}{
		{"open", "ada", func(*saltokstest.Sim) {}, "OPEN  The door is open. Pull within 7 seconds.", 1},
		{"too early", "eve", func(*saltokstest.Sim) {}, "LATER", 0},
		{"unknown member", "zed", func(*saltokstest.Sim) {}, "NO    ", 0},
		{"response lost, door moved", "ada", func(s *saltokstest.Sim) { s.Fault(saltokstest.AnswerLostAfterMove) }, "TRY   ", 1},
		{"response lost, door did not move", "ada", func(s *saltokstest.Sim) { s.Fault(saltokstest.AnswerLostBeforeMove) }, "TRY   ", 0},
		{"no response", "ada", func(s *saltokstest.Sim) { s.Fault(saltokstest.Hang, saltokstest.On("/locking")) }, "TRY   ", 0},
		{"too many requests", "ada", func(s *saltokstest.Sim) { s.Fault(saltokstest.HTTP429, saltokstest.On("/locking")) }, "SORRY ", 0},
		{"one-time codes blocked", "ada", func(s *saltokstest.Sim) { s.Fault(saltokstest.OTPBlocked) }, "SORRY ", 0},
		{"consent expired", "ada", func(s *saltokstest.Sim) { s.Fault(saltokstest.Day90) },
			"SORRY The connection to the door system has to be renewed.", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, sim, movements := start(t)
				c.fault(sim)
				if got := tap(t, h, 1, c.member); !strings.HasPrefix(got, c.want) {
					t.Errorf("the tablet shows %q, want %q", got, c.want)
				}
				if got := movements(); got != c.moved {
					t.Errorf("the door moved %d times, want %d", got, c.moved)
				}
			})
		})
	}
}

// TestRetry sends the same tap three times after a lost response: the door moves once.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, sim, movements := start(t)
		sim.Fault(saltokstest.AnswerLostAfterMove)
		for range 3 {
			tap(t, h, 1, "ada")
			time.Sleep(time.Second) // the clock of synctest: this takes no real time
		}
		if movements() != 1 {
			t.Errorf("the door moved %d times, want 1", movements())
		}
	})
}

// TestEveningHours advances the simulator's clock to the hours of a membership type.
func TestEveningHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, sim, _ := start(t)
		if got, want := tap(t, h, 1, "eve"), "LATER This door is closed for you at this hour. From 18:00."; got != want {
			t.Errorf("the tablet shows %q, want %q", got, want)
		}
		sim.Clock().Advance(17 * time.Hour) // 18:00 at the site
		if got := tap(t, h, 2, "eve"); !strings.HasPrefix(got, "OPEN") {
			t.Errorf("the tablet shows %q, want OPEN...", got)
		}
	})
}

func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, no program is built and run")
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", ".").CombinedOutput()
	if err != nil || string(out) != "OPEN  The door is open. Pull within 7 seconds.\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
