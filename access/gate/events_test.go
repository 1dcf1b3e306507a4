package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

type heard struct{ events []string }

func (h *heard) Observe(_ context.Context, e gate.Event) {
	if e.Kind == gate.Passed {
		h.events = append(h.events, "passed "+string(e.Receipt.Outcome))
		return
	}
	h.events = append(h.events, fmt.Sprintf("%s %s %s%s", e.Kind, e.Cause, e.Gateway, e.Door))
}

func TestTroubleBeginsAndEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
		b.unlock(b.tap("ada", "front"))
		b.unlock(b.tap("ada", "front"))
		b.driver.move = answers(gate.NotSent, gate.CauseOTPBlocked)
		b.unlock(b.tap("ada", "office"))
		b.unlock(b.tap("bob", "front")) // what the rules say is no trouble
		b.driver.move = nil
		b.unlock(b.tap("ada", "office"))
		b.unlock(b.tap("ada", "front"))
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front"))
		b.faults.set("Look", down, nil)
		b.unlock(b.tap("ada", "front"))
		b.faults.set("Look", nil, nil)
		b.faults.set("Settle", down, nil)
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front")) // opened, not recorded: the trouble goes on
		b.faults.set("Settle", nil, nil)
		b.unlock(b.tap("ada", "office"))
		want := []string{
			"passed refused", "trouble_began lock_offline front", "passed refused", "passed not_sent", "trouble_began otp_blocked iq", "passed denied",
			"passed accepted", "trouble_ended otp_blocked iq", "passed accepted", "trouble_ended lock_offline front", "passed accepted",
			"passed not_sent", "trouble_began store_unavailable ", "passed accepted", "passed accepted", "trouble_ended store_unavailable ",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
	})
}

type hostCode struct{ fail func() error }

func (c hostCode) Observe(context.Context, gate.Event)             { _ = c.fail() }
func (c hostCode) Present(context.Context, string, gate.Tap) error { return c.fail() }
func (c hostCode) policy(gate.Movement) (key, day string)          { _ = c.fail(); return "k", "d" }
func (c hostCode) Load(context.Context, gate.Ask) (gate.Snapshot, error) {
	return gate.Snapshot{}, c.fail()
}

func TestHostCallbacks(t *testing.T) {
	panics, fails, works := hostCode{boom}, hostCode{down}, hostCode{func() error { return nil }}
	for name, c := range map[string]struct {
		option  func(*gate.Config)
		outcome gate.Outcome
		cause   gate.Cause
		moves   int
	}{
		"observer panics":        {func(c *gate.Config) { c.Observer = panics }, gate.Accepted, "", 1},
		"presence proven":        {func(c *gate.Config) { c.Presence = works }, gate.Accepted, "", 1},
		"presence missing":       {func(c *gate.Config) { c.Presence = fails }, gate.Denied, gate.CausePresenceMissing, 0},
		"presence panics":        {func(c *gate.Config) { c.Presence = panics }, gate.Denied, gate.CausePresenceMissing, 0},
		"check-in policy panics": {func(c *gate.Config) { c.CheckIns = panics.policy }, gate.Accepted, "", 1},
		"clock panics":           {func(c *gate.Config) { c.Now = func() time.Time { panic("boom") } }, gate.Denied, gate.CauseClock, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, c.option)
				tap := b.tap("ada", "office")
				b.want(b.unlock(tap), c.outcome, c.cause)
				b.wantMoves(c.moves)
				// Locking asks for no presence.
				if c.cause == gate.CausePresenceMissing {
					r, err := b.gate.Lock(t.Context(), b.tap("ada", "office"))
					if err != nil {
						t.Fatal(err)
					}
					b.want(r, gate.Accepted, "")
				}
			})
		})
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	_, err := gate.New(gate.Config{})
	bad, ok := errors.AsType[*gate.ConfigError](err)
	if !ok || len(bad.Faults) != 4 {
		t.Fatalf("got %v", err)
	}
	_, err = gate.NewDoors(gate.DoorsConfig{})
	if bad, ok = errors.AsType[*gate.ConfigError](err); !ok || len(bad.Faults) != 3 {
		t.Fatalf("got %v", err)
	}
}

func TestCheckInPolicies(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	m := gate.Movement{
		Member: "ada", RequestID: "r1", Action: access.Unlock, Location: berlin,
		At: time.Date(2026, 5, 3, 22, 30, 0, 0, time.UTC), // 00:30 on the 4th in Berlin
	}
	booked := m
	booked.Reservations = []string{"b7", "b8"}
	for name, c := range map[string]struct {
		policy   gate.CheckInPolicy
		m        gate.Movement
		key, day string
	}{
		"per day":                      {gate.OncePerDay(0), m, "day/2026-05-04", "2026-05-04"},
		"per day, up to the cut-off":   {gate.OncePerDay(31 * time.Minute), m, "day/2026-05-03", "2026-05-03"},
		"per day, from the cut-off":    {gate.OncePerDay(30 * time.Minute), m, "day/2026-05-04", "2026-05-04"},
		"per unlock":                   {gate.EveryUnlock(0), m, "unlock/r1", "2026-05-04"},
		"per reservation":              {gate.OncePerReservation(0), booked, "reservation/b7", "2026-05-04"},
		"per reservation, without one": {gate.OncePerReservation(0), m, "day/2026-05-04", "2026-05-04"},
		"none":                         {gate.NoCheckIns(), m, "", ""},
	} {
		if key, day := c.policy(c.m); key != c.key || day != c.day {
			t.Errorf("%s: got %q, %q; want %q, %q", name, key, day, c.key, c.day)
		}
	}
	// The night the clocks go back: 02:30 comes twice, the cut-off is a wall clock.
	m.At = time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)
	if day := m.Day(3 * time.Hour); day != "2026-10-24" {
		t.Errorf("got %s", day)
	}
}

func TestOneCheckInPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		first := b.unlock(b.tap("ada", "front"))
		time.Sleep(time.Hour)
		second := b.unlock(b.tap("ada", "office"))
		if second.CheckIn == nil || second.CheckIn.RequestID != first.RequestID {
			t.Fatalf("the second visit of the day: got %+v", second.CheckIn)
		}
		time.Sleep(24 * time.Hour)
		b.unlock(b.tap("ada", "front"))
		if got := fmt.Sprint(b.checkIns()); got != "[ada 2000-01-01 ada 2000-01-02]" {
			t.Fatalf("got %s", got)
		}
		list, err := b.gate.CheckIns(t.Context(), gate.CheckInQuery{Member: "ada"})
		if err != nil || len(list) != 2 {
			t.Fatalf("got %v, %v", list, err)
		}
	})
}

func TestEraseAndRetain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		tap := b.tap("ada", "front")
		b.unlock(tap)
		head, err := b.gate.Head(ctx)
		if err != nil || head.Seq != 2 {
			t.Fatalf("got %+v, %v", head, err)
		}
		time.Sleep(time.Minute)
		n, err := b.gate.Erase(ctx, "ada")
		if err != nil || n != 2 {
			t.Fatalf("got %d, %v", n, err)
		}
		v, err := b.gate.Verify(ctx, gate.Head{}, head)
		if err != nil || v != (gate.Verification{Rows: 2, Erased: 2, Head: head}) {
			t.Fatalf("got %+v, %v", v, err)
		}
		if _, err := b.gate.Receipt(ctx, "ada", tap.RequestID); !errors.Is(err, gate.ErrNotFound) {
			t.Fatalf("got error %v", err)
		}
		for row, err := range b.gate.Log(ctx, gate.LogQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if d, ok, err := gate.ReadDetail(row); ok || err != nil || d.Member != "" {
				t.Fatalf("got %+v, %v, %v", d, ok, err)
			}
		}
		// The tap is too old by now: the forgotten request opens nothing.
		b.want(b.unlock(tap), gate.Denied, gate.CauseDeadline)
		base, n, err := b.gate.Retain(ctx, time.Now().Add(-time.Second))
		if err != nil || n != 2 || base != head {
			t.Fatalf("got %+v, %d, %v", base, n, err)
		}
		time.Sleep(gate.KeepReceipts + time.Second)
		if n, err := b.gate.Prune(ctx); n != 1 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	})
}

func TestEveryCauseHasItsSentence(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range gate.Causes() {
		if !c.Valid() || c.Message() == "" || seen[string(c)] {
			t.Errorf("cause %q: valid %t, message %q", c, c.Valid(), c.Message())
		}
		seen[string(c)] = true
	}
	if gate.Cause("").Valid() || gate.Cause("made up").Valid() {
		t.Error("an unknown cause is valid")
	}
}

func TestDetailHoldsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = answers(gate.Refused, gate.CauseForbidden)
		tap := b.tap("ada", "front")
		tap.Actor, tap.Source = `eve "the boss" <eve@example.com>`, gate.SourceStaff
		b.unlock(tap)
		var details []gate.LogDetail
		for row, err := range b.gate.Log(t.Context(), gate.LogQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			d, ok, err := gate.ReadDetail(row)
			if !ok || err != nil {
				t.Fatalf("row %d: %v", row.Seq, err)
			}
			details = append(details, d)
		}
		want := gate.LogDetail{
			Member: "ada", Actor: tap.Actor, Source: gate.SourceStaff, RequestID: tap.RequestID, TappedAt: tap.TappedAt.UTC(),
			Grants: []string{"ada-front"}, Revision: "r1", Link: link("l1"),
		}
		answered := want
		answered.Note = "the lock system said so"
		if diff := cmp.Diff([]gate.LogDetail{want, answered}, details); diff != "" {
			t.Fatalf("details (-want +got):\n%s", diff)
		}
	})
}

// A member whose phone is ahead alerts nobody, however often; a clock of the
// host's that fails does.
func TestAPhoneThatIsAheadIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fails := &heard{}, false
		b := setup(t, func(c *gate.Config) {
			c.Observer = h
			c.Now = func() time.Time {
				if fails {
					return time.Time{}
				}
				return time.Now()
			}
		})
		tap := b.tap("ada", "front")
		tap.TappedAt = tap.TappedAt.Add(time.Hour)
		b.want(b.unlock(tap), gate.Denied, gate.CauseClock)
		fails = true
		b.want(b.unlock(b.tap("ada", "front")), gate.Denied, gate.CauseClock)
		fails = false
		b.unlock(b.tap("ada", "front"))
		b.driver.move = answers(gate.NotSent, gate.CauseClock) // the driver's own
		b.unlock(b.tap("ada", "office"))
		want := []string{
			"passed denied", "passed denied", "trouble_began clock ", "passed accepted", "trouble_ended clock ",
			"passed not_sent", "trouble_began clock ",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Each process tells of the troubles it meets, and ends those it told of. The
// same trouble has the same Cause, Gateway and Door in all of them.
func TestTroubleIsToldByEachProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &heard{}, &heard{}
		b := setup(t, func(c *gate.Config) { c.Observer = first })
		b.driver.move = answers(gate.Refused, gate.CauseOTPBlocked)
		b.unlock(b.tap("ada", "front"))
		b.config.Observer = second
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		b.gate = g // another process, or the same after a restart
		b.unlock(b.tap("ada", "front"))
		b.driver.move = nil
		b.unlock(b.tap("ada", "front"))
		began := "trouble_began otp_blocked iq"
		if diff := cmp.Diff([]string{"passed refused", began}, first.events); diff != "" {
			t.Errorf("the first (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"passed refused", began, "passed accepted", "trouble_ended otp_blocked iq"}, second.events); diff != "" {
			t.Errorf("the second (-want +got):\n%s", diff)
		}
	})
}

// A receipt that is read again tells of no trouble: it was told, and may be over.
func TestARepeatedReceiptIsNoNewTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.driver.move = func(context.Context, gate.Command) gate.Result {
			return gate.Result{Outcome: gate.Unconfirmed, Cause: gate.CauseIQOffline}
		}
		first, second := b.tap("ada", "front"), b.tap("ada", "front") // the second shares the first
		again := func() {
			t.Helper()
			for _, tap := range []gate.Tap{first, second} {
				if r := b.unlock(tap); !r.Repeated || r.Shared != (tap == second) {
					t.Errorf("got %+v", r)
				}
			}
		}
		b.unlock(first)
		b.unlock(second)
		again()
		b.driver.move = nil
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front"))
		again()
		want := []string{
			"passed unconfirmed", "trouble_began iq_offline iq", "passed unconfirmed", "passed unconfirmed", "passed unconfirmed",
			"passed accepted", "trouble_ended iq_offline iq", "passed unconfirmed", "passed unconfirmed",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// That the lock moved before a trouble began does not end it; that it moves now
// does, whatever the clock said then.
func TestALateProofEndsNoLaterTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r, jump := &heard{}, &told{}, time.Duration(0)
		b := setup(t, func(c *gate.Config) {
			c.Observer, c.Now = h, func() time.Time { return time.Now().Add(jump) }
		})
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now())
		time.Sleep(time.Hour)
		b.driver.move = answers(gate.Refused, gate.CauseOTPBlocked)
		b.unlock(b.tap("ada", "front"))
		b.ingest(r)
		b.driver.move = nil
		jump = -2 * time.Hour // the clock was wrong, and was set right
		last := b.tap("ada", "front")
		last.TappedAt = last.TappedAt.Add(jump)
		b.unlock(last)
		want := []string{"passed unconfirmed", "passed refused", "trouble_began otp_blocked iq", "passed accepted", "passed accepted", "trouble_ended otp_blocked iq"}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
