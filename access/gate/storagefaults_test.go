package gate_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestStorageFails(t *testing.T) {
	type result struct {
		outcome  gate.Outcome
		cause    gate.Cause
		recorded bool
		moves    int
	}
	lost := result{gate.NotSent, gate.CauseStoreUnavailable, false, 0}
	internal := result{gate.NotSent, gate.CauseInternal, false, 0}
	for name, c := range map[string]struct {
		call          string
		before, after func() error
		want          result
		log           []string
	}{
		"look":         {"Lookup", down, nil, lost, nil},
		"look panics":  {"Lookup", boom, nil, internal, nil},
		"facts":        {"Load", down, nil, lost, []string{"unlock/not_sent/store_unavailable"}},
		"facts panic":  {"Load", boom, nil, internal, []string{"unlock/not_sent/internal"}},
		"claim":        {"Begin", down, nil, lost, nil},
		"claim panics": {"Begin", boom, nil, lost, nil},
		"claim, answer lost": {"Begin", nil, down, result{gate.NotSent, gate.CauseStoreUnavailable, true, 0},
			[]string{"unlock/sending/grant", "unlock/not_sent/store_unavailable"}},
		"settle":        {"Settle", down, nil, result{gate.Accepted, "", false, 1}, []string{"unlock/sending/grant"}},
		"settle panics": {"Settle", boom, nil, result{gate.Accepted, "", false, 1}, []string{"unlock/sending/grant"}},
		"settle, answer lost": {"Settle", nil, down, result{gate.Accepted, "", false, 1}, []string{"unlock/sending/grant",
			"unlock/accepted/grant"}},
		"settle fails once": {"Settle", once(down), nil, result{gate.Accepted, "", true, 1}, []string{"unlock/sending/grant",
			"unlock/accepted/grant"}},
		"settle, answer lost once": {"Settle", nil, once(down), result{gate.Accepted, "", true, 1}, []string{"unlock/sending/grant",
			"unlock/accepted/grant"}},
		"settle hangs a little": {"Settle", func() error { time.Sleep(time.Second); return nil }, nil, result{gate.Accepted, "", true,
			1}, []string{"unlock/sending/grant", "unlock/accepted/grant"}},
		"look hangs past the limit": {"Lookup", nil, func() error { time.Sleep(11 * time.Second); return nil }, lost,
			[]string{"unlock/not_sent/store_unavailable"}},
		"facts hang past the limit": {"Load", nil, func() error { time.Sleep(10 * time.Second); return nil },
			result{gate.Denied, gate.CauseDeadline, true, 0}, []string{"unlock/denied/deadline"}},
		"settle conflicts with Recover": {"Settle", func() error { return gate.ErrConflict }, nil, result{gate.Accepted, "", false, 1},
			[]string{"unlock/sending/grant"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				b.faults.set(c.call, c.before, c.after)
				tap := b.tap("ada", "front")
				start := time.Now()
				r := b.unlock(tap)
				b.want(r, c.want.outcome, c.want.cause)
				if r.Recorded != c.want.recorded {
					t.Errorf("recorded: got %t, want %t", r.Recorded, c.want.recorded)
				}
				if !r.Recorded && r.Err == nil {
					t.Error("not recorded, and without an error")
				}
				if d := time.Since(start); d > gate.SendWithin+gate.AnswerWithin+gate.WriteWithin {
					t.Errorf("it took %v", d)
				}
				b.wantMoves(c.want.moves)
				b.wantLog(c.log...)
				b.wantRecorded(r)
				// When the storage is back, the same request never sends again what
				// may have been sent.
				b.faults.set(c.call, nil, nil)
				time.Sleep(time.Minute)
				again, err := b.gate.Unlock(t.Context(), tap)
				if err != nil {
					t.Fatal(err)
				}
				b.wantMoves(c.want.moves)
				if c.want.moves == 0 && again.Opened() {
					t.Errorf("a minute later it opened")
				}
				if _, err := b.gate.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				open, err := b.store.Entries(t.Context(), storage.JournalQuery{Site: site, Outcome: gate.Sending})
				if err != nil || len(open) > 0 {
					t.Fatalf("left in sending: %v, %v", open, err)
				}
			})
		})
	}
}

// wantRecorded requires that the journal agrees with the receipt, if that was recorded.
func (b *fixture) wantRecorded(r gate.Receipt) {
	b.Helper()
	if !r.Recorded {
		return
	}
	now, err := b.gate.Receipt(b.Context(), r.Member, r.RequestID)
	if err != nil || !now.Recorded || now.Outcome != r.Outcome || now.Cause != r.Cause || now.LogRow != r.LogRow || !now.At.Equal(r.At) {
		b.Fatalf("the receipt is %+v, in the journal %+v, %v", r, now, err)
	}
}

// A claim whose answer was lost is settled as NotSent. The receipt is recorded only if that
// write succeeded; otherwise it is true all the same, and nothing is sent later.
func TestReleaseFails(t *testing.T) {
	claimed, released := "unlock/sending/grant", "unlock/not_sent/store_unavailable"
	for name, c := range map[string]struct {
		before, after func() error
		recorded      bool
		log           []string
		later         gate.Cause // of the request when it is repeated
	}{
		"written":     {nil, nil, true, []string{claimed, released}, gate.CauseStoreUnavailable},
		"not written": {down, nil, false, []string{claimed}, gate.CauseInterrupted},
		"panics":      {boom, nil, false, []string{claimed}, gate.CauseInterrupted},
		"answer lost": {nil, down, false, []string{claimed, released}, gate.CauseStoreUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				b.faults.set("Begin", nil, down)
				b.faults.set("Settle", c.before, c.after)
				tap := b.tap("ada", "front")
				r := b.unlock(tap)
				b.want(r, gate.NotSent, gate.CauseStoreUnavailable)
				if r.Recorded != c.recorded || r.LogRow != 0 != c.recorded || !errors.Is(r.Err, errDown) {
					t.Errorf("got recorded %t, row %d, %v", r.Recorded, r.LogRow, r.Err)
				}
				b.wantLog(c.log...)
				b.wantRecorded(r)
				b.faults.set("Begin", nil, nil)
				b.faults.set("Settle", nil, nil)
				if again := b.unlock(tap); again.Opened() || again.Cause != c.later || !again.Repeated {
					t.Errorf("again: got %s, cause %q", again.Outcome, again.Cause)
				}
				b.wantMoves(0)
			})
		})
	}
}

// If the last try to record an outcome runs out of time, the receipt has the error of the
// try before: that one explains the failure.
func TestErrorOfLastTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		full, tries := errors.New("the disk is full"), 0
		b.faults.set("Settle", func() error {
			if tries++; tries == 1 {
				return full
			}
			time.Sleep(gate.WriteWithin)
			return context.DeadlineExceeded
		}, nil)
		r := b.unlock(b.tap("ada", "front"))
		b.want(r, gate.Accepted, "")
		if r.Recorded || tries != 2 || !errors.Is(r.Err, full) || !errors.Is(r.Err, gate.ErrUnavailable) {
			t.Errorf("recorded %t after %d tries: %v", r.Recorded, tries, r.Err)
		}
	})
}

// unclaimed is a storage that claims nothing and returns no error.
type unclaimed struct {
	*faults
	state storage.ClaimState
}

func (u unclaimed) Begin(context.Context, storage.Attempt) (storage.Claim, error) {
	return storage.Claim{State: u.state}, nil
}

// Only a storage that reports the claim lets a command be sent.
func TestUnknownClaimState(t *testing.T) {
	for _, state := range []storage.ClaimState{0, 99} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			b.config.Records = unclaimed{b.faults, state}
			g, err := gate.New(b.config)
			if err != nil {
				t.Fatal(err)
			}
			r, err := g.Unlock(t.Context(), b.tap("ada", "front"))
			if err != nil {
				t.Fatal(err)
			}
			b.want(r, gate.NotSent, gate.CauseInternal)
			if r.Recorded || r.Err == nil {
				t.Errorf("state %d: recorded %t, error %v", state, r.Recorded, r.Err)
			}
			b.wantMoves(0)
		})
	}
}

// A document that cannot be read does not stop Recover.
func TestRecoverABrokenDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		a := storage.Attempt{Entry: storage.JournalEntry{
			RequestKey: storage.RequestKey{Site: site, Member: "ada", RequestID: "a-broken-document"}, Door: "front", Action: access.Unlock,
			Outcome: gate.Sending, Begun: time.Now(), SendBy: time.Now(), Doc: []byte("not JSON"),
		}}
		if _, err := b.store.Begin(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n, err := b.gate.Recover(t.Context()); n != 1 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		r, err := b.gate.Receipt(t.Context(), "ada", "a-broken-document")
		if err != nil {
			t.Fatal(err)
		}
		b.want(r, gate.Unconfirmed, gate.CauseInterrupted)
	})
}

// A denial that cannot be written stays a denial.
func TestDenialNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.faults.set("Begin", down, nil)
		r := b.unlock(b.tap("bob", "front"))
		b.want(r, gate.Denied, "")
		if r.Recorded || r.Decision.Reason != access.ReasonNoEntitlement {
			t.Fatalf("got %+v", r)
		}
		b.wantMoves(0)
	})
}

// If the claim of a call fails while a repeated call of the same request sends its command,
// the first call returns the outcome of that command.
func TestClaimFailsWhileTheRequestIsRepeated(t *testing.T) {
	for name, takes := range map[string]time.Duration{"under way": 10 * time.Second, "done": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				b.driver.move = slow(takes, gate.Accepted)
				tap := b.tap("ada", "office")
				var begun atomic.Int32
				b.faults.set("Begin", func() error {
					if begun.Add(1) > 1 {
						return nil
					}
					time.Sleep(5 * time.Second)
					return errDown
				}, nil)
				var receipts [2]gate.Receipt
				var wg sync.WaitGroup
				for i := range receipts {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * time.Second)
						r, err := b.gate.StartOfficeMode(t.Context(), tap)
						if err != nil {
							t.Error(err)
						}
						receipts[i] = r
					})
				}
				wg.Wait()
				for i, r := range receipts {
					if r.Outcome != gate.Accepted || !r.Recorded || r.Repeated != (i == 0) {
						t.Errorf("call %d: %s %s, recorded %t, repeated %t, %v", i, r.Outcome, r.Cause, r.Recorded, r.Repeated, r.Err)
					}
				}
				b.wantMoves(1)
				b.wantHolders("the door is open", "ada since 00:00:01")
				b.wantLog("office_mode/sending/grant", "office_mode/accepted/grant")
			})
		})
	}
}

// A call whose claim failed is not NotSent if it shares a command.
func TestClaimFailsOnceItIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.want(b.unlock(b.tap("ada", "front")), gate.Accepted, "")
		b.faults.set("Begin", nil, down)
		r := b.unlock(b.tap("ada", "front"))
		b.want(r, gate.Accepted, "")
		if !r.Shared {
			t.Errorf("got %+v", r)
		}
		b.wantMoves(1)
	})
}

// failingReads is a storage of which one read fails.
type failingReads struct {
	storage.Records
	holds, killSwitch, entries bool
}

func (f failingReads) Holds(ctx context.Context, site string) ([]storage.Hold, error) {
	if f.holds {
		return nil, errDown
	}
	return f.Records.Holds(ctx, site)
}

func (f failingReads) KillSwitch(ctx context.Context, site string) (storage.KillSwitch, error) {
	if f.killSwitch {
		return storage.KillSwitch{}, errDown
	}
	return f.Records.KillSwitch(ctx, site)
}

func (f failingReads) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	if f.entries {
		return nil, errDown
	}
	return f.Records.Entries(ctx, q)
}

// Keys returns no list if a part of it cannot be read, and Stats returns the rest.
func TestReadsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.startOffice("ada")
		for name, c := range map[string]struct {
			reads       failingReads
			keys, stats bool // fail
		}{
			"none":            {},
			"holds":           {failingReads{holds: true}, true, true},
			"the kill switch": {failingReads{killSwitch: true}, true, false},
			"the journal":     {failingReads{entries: true}, false, true},
		} {
			config := b.config
			c.reads.Records = b.store
			config.Records = c.reads
			g, err := gate.New(config)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := g.Keys(t.Context(), "ada", 0)
			if failed := errors.Is(err, gate.ErrUnavailable); failed != c.keys || (keys == nil) != c.keys {
				t.Errorf("%s: Keys returns %v, %v", name, keys, err)
			}
			stats, err := g.Stats(t.Context())
			if failed := errors.Is(err, gate.ErrUnavailable); failed != c.stats || (stats.Holds == 1) == c.reads.holds {
				t.Errorf("%s: Stats returns %+v, %v", name, stats, err)
			}
		}
	})
}

// Recover returns how many commands it settled before an error.
func TestRecoverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.faults.set("Settle", down, nil)
		for range 2 {
			b.unlock(b.tap("ada", "front"))
			time.Sleep(gate.ShareWithin)
		}
		time.Sleep(time.Minute)
		settled := 0
		b.faults.set("Settle", func() error {
			if settled++; settled > 1 {
				return errDown
			}
			return nil
		}, nil)
		if n, err := b.gate.Recover(t.Context()); n != 1 || !errors.Is(err, gate.ErrUnavailable) {
			t.Errorf("got %d, %v, want 1 and ErrUnavailable", n, err)
		}
	})
}

// TestRunnerReportsFailingGateJobs: the jobs of the gate report their errors, and a job
// that panics each time is logged once.
func TestRunnerReportsFailingGateJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var seen jobCounter
		b := setup(t)
		config := b.config
		config.Logger, config.Observer = slog.New(slog.NewTextHandler(&out, nil)), &seen
		config.Records = failingReads{Records: b.store, holds: true, entries: true}
		g, err := gate.New(config)
		if err != nil {
			t.Fatal(err)
		}
		r := b.runner(gate.RunnerConfig{Gate: g, Vendor: &vendorLog{err: errDown}, OfficeMode: &gate.CloseRequest{RightEnded: true},
			Jobs: []gate.Job{{Name: "panics", Every: time.Minute, Run: func(context.Context) error { panic("planted") }}}})
		runFor(t, 5*time.Minute, r)
		for _, job := range []string{"recover", "close_office_mode", "ingest"} {
			if e := seen.last[job]; !errors.Is(e.Err, errDown) {
				t.Errorf("%s: reported %v", job, e.Err)
			}
		}
		if n := strings.Count(out.String(), "gate: a job panicked"); n != 1 || seen.count("panics") < 4 {
			t.Errorf("%d lines about %d panics, want one", n, seen.count("panics"))
		}
	})
}

// A job whose lease cannot be acquired because the storage panics names the storage.
func TestRunnerWhereLeasesPanic(t *testing.T) {
	b := setup(t)
	b.faults.set("AcquireLease", boom, nil)
	err := b.runner(gate.RunnerConfig{}).RunOnce(t.Context())
	if p, ok := errors.AsType[*gate.PanicError](err); !ok || p.In != "Records" {
		t.Errorf("got %v, want a panic in Records", err)
	}
}
