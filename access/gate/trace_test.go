package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// tracer records the phases in the order of their ends, each with the phases around it.
type tracer struct{ ended []string }

type phaseKey struct{}

func (r *tracer) Start(ctx context.Context, p gate.Phase) (context.Context, func(gate.Receipt)) {
	around, _ := ctx.Value(phaseKey{}).(string)
	path := around + "/" + p.Name
	return context.WithValue(ctx, phaseKey{}, path), func(got gate.Receipt) {
		line := strings.Join([]string{path, p.Site, p.Door, string(p.Action), string(got.Outcome), string(got.Cause)}, " ")
		if got.Err != nil {
			line += " error"
		}
		r.ended = append(r.ended, strings.TrimRight(line, " "))
	}
}

func (r *tracer) want(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.ended); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	r.ended = nil
}

func TestTracer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tracer{}
		b := setup(t, func(c *gate.Config) { c.Tracer = r })
		sees := ""
		b.driver.move = func(ctx context.Context, _ gate.Command) gate.Result {
			sees, _ = ctx.Value(phaseKey{}).(string)
			return gate.Result{Outcome: gate.Accepted}
		}
		tap := b.tap("ada", "front")
		b.unlock(tap)
		r.want(t, "accepted", "/request/facts loft front unlock", "/request/claim loft front unlock",
			"/request/send loft front unlock accepted", "/request/settle loft front unlock accepted", "/request loft front unlock accepted")
		if sees != "/request/send" {
			t.Errorf("the driver is in the phase %q", sees)
		}
		b.unlock(tap)
		r.want(t, "repeated", "/request/facts loft front unlock accepted", "/request loft front unlock accepted")
		b.unlock(b.tap("bob", "front"))
		r.want(t, "denied", "/request/facts loft front unlock denied", "/request loft front unlock denied")
		_, _ = b.gate.Unlock(t.Context(), gate.Tap{Door: "front"})
		r.want(t, "invalid", "/request loft front unlock denied bad_request error")

		b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
		_, err := b.gate.StartOfficeMode(t.Context(), b.tap("ada", "office"))
		r.want(t, "refused", "/request/facts loft office office_mode", "/request/claim loft office office_mode",
			"/request/send loft office office_mode refused lock_offline error",
			"/request/settle loft office office_mode refused lock_offline error",
			"/request loft office office_mode refused lock_offline error")
		b.faults.set("Begin", down, nil)
		b.unlock(b.tap("ada", "office"))
		r.want(t, "not claimed", "/request/facts loft office unlock",
			"/request/claim loft office unlock not_sent store_unavailable error",
			"/request loft office unlock not_sent store_unavailable error")
		b.faults.set("Begin", nil, nil)

		b.driver.move = nil
		_, err2 := b.gate.StartOfficeMode(t.Context(), b.tap("ada", "office"))
		closing := 12 * time.Hour
		time.Sleep(24 * time.Hour)
		r.ended = nil
		_, err3 := b.gate.CloseOfficeMode(t.Context(), gate.CloseRequest{Closing: &closing})
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		r.want(t, "closed", "/request/claim loft office lock", "/request/send loft office lock accepted",
			"/request/settle loft office lock accepted", "/request loft office lock accepted")
	})
}

type tracerFunc func(ctx context.Context, p gate.Phase) (context.Context, func(gate.Receipt))

func (f tracerFunc) Start(ctx context.Context, p gate.Phase) (context.Context, func(gate.Receipt)) {
	return f(ctx, p)
}

// TestBrokenTracers: a tracer cannot prevent an unlock.
func TestBrokenTracers(t *testing.T) {
	for name, f := range map[string]tracerFunc{
		"panics at the start": func(context.Context, gate.Phase) (context.Context, func(gate.Receipt)) { panic("boom") },
		"panics at the end": func(ctx context.Context, _ gate.Phase) (context.Context, func(gate.Receipt)) {
			return ctx, func(gate.Receipt) { panic("boom") }
		},
		"returns nothing": func(context.Context, gate.Phase) (context.Context, func(gate.Receipt)) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *gate.Config) { c.Tracer = f })
			b.want(b.unlock(b.tap("ada", "front")), gate.Accepted, "")
		})
	}
	c := setup(t).config
	c.Tracer = (*tracer)(nil)
	if _, err := gate.New(c); err == nil || !strings.Contains(err.Error(), "Tracer") {
		t.Errorf("a nil pointer: %v", err)
	}
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []string
		b := setup(t, func(c *gate.Config) {
			c.Observer = observerFunc(func(e gate.Event) {
				if e.Late {
					late = append(late, fmt.Sprint(e.Kind, " ", e.Receipt.Door, " ", e.Receipt.Outcome))
				}
			})
		})
		want := gate.Stats{Site: site, Problems: []gate.Cause{}}
		check := func(what string) {
			t.Helper()
			got, err := b.gate.Stats(t.Context())
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
			}
		}
		check("at first")
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		want.OldestUnconfirmed = b.gate.Now()
		tap := b.tap("ada", "front")
		b.unlock(tap)
		time.Sleep(time.Minute)
		b.driver.move = answers(gate.Unconfirmed, gate.CauseLockOffline)
		b.unlock(b.tap("ada", "lab")) // not linked
		b.driver.move = nil
		_, err := b.gate.StartOfficeMode(t.Context(), b.tap("ada", "office"))
		if err != nil {
			t.Fatal(err)
		}
		want.Holds, want.Problems = 1, []gate.Cause{gate.CauseNotLinked}
		check("after three requests")

		entries := &vendorLog{}
		entries.add("l1", access.Unlock, "us", tap.TappedAt)
		b.ingest(entries)
		want.OldestUnconfirmed, want.EntriesReadAt = time.Time{}, b.gate.Now()
		check("after an ingest")
		if diff := cmp.Diff([]string{"request_completed front accepted"}, late); diff != "" {
			t.Errorf("late (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		entries.err = errors.New("no answer")
		_, _ = b.gate.Ingest(t.Context(), entries)
		check("after an ingest that failed")
		entries.err = nil
		b.ingest(entries)
		want.EntriesReadAt = b.gate.Now()
		check("after one without entries")

		b.unlock(b.tap("ada", "front"))
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front"))
		time.Sleep(49 * time.Hour)
		check("an Unconfirmed command of the day before yesterday")
	})
}

type observerFunc func(gate.Event)

func (f observerFunc) Observe(_ context.Context, e gate.Event) { f(e) }
