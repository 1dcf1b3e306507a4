package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
)

// The program's log has problems, outcomes that could not be written, and panics of
// host code. It names no member, because they could not be erased from there.
func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := setup(t, func(c *gate.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == "stack" || a.Key == "since" {
					return slog.Attr{}
				}
				return a
			}}))
			c.Observer = hostCode{boom}
		})
		b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
		b.unlock(b.tap("ada", "front"))
		b.unlock(b.tap("ada", "front"))
		b.driver.move = nil
		b.faults.set("Settle", down, nil)
		b.unlock(b.tap("ada", "front"))
		b.faults.set("Settle", nil, nil)
		b.faults.set("Load", boom, nil)
		b.unlock(b.tap("ada", "office"))
		b.faults.set("Load", nil, nil)
		b.unlock(b.tap("bob", "office"))
		var got []string
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "ada") || strings.Contains(line, "bob") {
				t.Errorf("a member is named: %s", line)
			}
			if !strings.Contains(line, "the observer panicked") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		at := func(cause, gateway, door string) string {
			return fmt.Sprintf("site=loft cause=%s gateway=%s door=%s", cause, gateway, door)
		}
		none := `""`
		want := []string{
			`level=WARN msg="gate: problem raised" ` + at("lock_offline", none, "front") + ` error="the lock system said so"`,
			`level=ERROR msg="gate: an outcome could not be written" ` + at(none, "iq", "front") +
				` request_id=request-0000000003 outcome=accepted error="the disk is on fire: storage: unavailable"`,
			`level=INFO msg="gate: problem resolved" ` + at("lock_offline", none, "front"),
			`level=WARN msg="gate: problem raised" ` + at("store_unavailable", none, none) + ` error="the disk is on fire: storage: unavailable"`,
			`level=ERROR msg="gate: code of the host panicked" ` + at("internal", none, "office") +
				` in=Facts error="panic in Facts (string): fix it; Stack shows where it happened"`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		if n := strings.Count(out.String(), "the observer panicked"); n != 8 {
			t.Errorf("%d panics of the observer, want one per event", n)
		}
	})
}

// A log handler that panics changes no outcome.
func TestLoggerPanics(t *testing.T) {
	b := setup(t, func(c *gate.Config) { c.Logger = slog.New(brokenHandler{}) })
	b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
	b.want(b.unlock(b.tap("ada", "front")), gate.Refused, gate.CauseLockOffline)
	b.wantLog("unlock/sending/grant", "unlock/refused/lock_offline")
}

type brokenHandler struct{}

func (brokenHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenHandler) Handle(context.Context, slog.Record) error { panic(time.Now()) }
func (h brokenHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h brokenHandler) WithGroup(string) slog.Handler           { return h }

// A request that is repeated while its command is being sent is no outcome that could
// not be written.
func TestLoggerOfARepeatedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := setup(t, func(c *gate.Config) { c.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
		b.driver.move = slow(5*time.Second, gate.Accepted)
		tap := b.tap("ada", "front")
		var first sync.WaitGroup
		first.Go(func() { b.want(b.unlock(tap), gate.Accepted, "") })
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r, _ := b.gate.Unlock(ctx, tap); !r.Repeated || r.Recorded || r.Cause != gate.CauseStillSending {
			t.Errorf("got %+v", r)
		}
		first.Wait()
		if out.Len() > 0 {
			t.Errorf("logged: %s", &out)
		}
	})
}
