package saltolocks_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// following follows SALTO's log until the test ends or stop is called.
func (r *fixture) following(from time.Time) (stop func() error) {
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.gate.Follow(ctx, r.locks.Entries(from)) }()
	synctest.Wait()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	r.Cleanup(func() { _ = stop() })
	return stop
}

// TestFollowSettlesAtOnce: an Unconfirmed command is settled as soon as its entry is
// there, whichever of the two is first.
func TestFollowSettlesAtOnce(t *testing.T) {
	for name, fault := range map[string][]saltokstest.FaultOption{
		"the answer is lost":       nil,
		"the answer takes forever": {saltokstest.After()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				r.following(time.Time{})
				if fault == nil {
					r.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/locking"))
				} else {
					r.sim.Fault(saltokstest.Hang, append(fault, saltokstest.On("/locking"))...)
				}
				tap := r.tap("front")
				r.want(r.do(access.Unlock, tap), gate.Unconfirmed, gate.CauseNoAnswer)
				ctx, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				receipt, err := r.gate.Wait(ctx, tap.Member, tap.RequestID)
				r.ok(err)
				r.want(receipt, gate.Accepted, "")
			})
		})
	}
}

// TestFollowStoresOnce: entries are stored once while the stream is cut, and while
// another process follows too.
func TestFollowStoresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		from := r.sim.Now()
		stop := r.following(from)
		lock, user := r.site.Locks[1].ID, r.sim.World().Users[0].Email
		for i := range 50 {
			r.sim.Tap(lock, user)
			switch i {
			case 10:
				r.sim.Fault(saltokstest.HTTP500, saltokstest.On("/hub/"), saltokstest.Count(20))
			case 20:
				_ = stop()
			case 30:
				r.following(from)
			case 40:
				r.following(from) // a second process, as after a lost lease
			}
			time.Sleep(37 * time.Second)
		}
		time.Sleep(6 * time.Minute)
		list, err := r.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft", Lock: lock})
		r.ok(err)
		if len(list) != 50 {
			t.Errorf("%d entries, want 50", len(list))
		}
		if !slices.IsSortedFunc(list, func(a, b gate.VendorEntry) int { return a.At.Compare(b.At) }) {
			t.Error("they are not in order")
		}
	})
}

// TestFollowEndsHolds: a hold ends when SALTO's own schedule locks the door.
func TestFollowEndsHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		r.following(time.Time{})
		// It is Saturday, 01:00 in Amsterdam.
		r.sim.SetSchedule(r.site.Locks[0].ID, &saltokstest.Schedule{Saturday: true, StartTime: "00:00:00", EndTime: "01:08:00"})
		time.Sleep(5*time.Minute + 30*time.Second) // past a poll
		r.want(r.do(access.OfficeMode, r.tap("front")), gate.Accepted, "")
		time.Sleep(2*time.Minute + 50*time.Second) // the next keep-alive after 01:08:00
		holds, err := r.gate.Holds(t.Context())
		r.ok(err)
		if len(holds) != 0 {
			t.Errorf("holds %+v", holds)
		}
	})
}

// TestFollowLateEntries: entries that the stream does not deliver are found by a poll,
// or by a deep pass.
func TestFollowLateEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixtureWith(t, true, saltokstest.Config{Switches: saltokstest.Switches{HoldOfflineEntries: true}})
		r.following(r.sim.Now())
		lock, user := r.site.Locks[1].ID, r.sim.World().Users[0].Email
		r.sim.SetLockClock(lock, -30*24*time.Hour)
		r.sim.Tap(lock, user)
		time.Sleep(24*time.Hour + time.Minute)
		list, err := r.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft", Lock: lock})
		r.ok(err)
		if len(list) != 1 {
			t.Errorf("%d entries, want one", len(list))
		}
	})
}

// TestFollowNearADeepPass: a stream that begins just before a deep pass is due ends after
// the time of one poll, so that the deep pass is soon.
func TestFollowNearADeepPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		log := r.locks.Entries(r.sim.Now())
		_, cursor, err := log.Poll(t.Context(), "")
		r.ok(err)
		time.Sleep(24*time.Hour - 10*time.Second)
		begun := r.sim.Now()
		ctx, stop := context.WithTimeout(t.Context(), saltoks.DefaultStreamPoll+30*time.Second)
		defer stop()
		err = log.Follow(ctx, cursor, func(_ []gate.VendorEntry, next string) error { cursor = next; return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Follow: %v", err)
		}
		var last saltoks.EntryCursor
		r.ok(json.Unmarshal([]byte(cursor), &last))
		if d := last.DeepAt.Sub(begun); d != saltoks.DefaultStreamPoll {
			t.Errorf("the deep pass was %v after the begin", d)
		}
	})
}

// TestFollowTheConnection: Run follows the site that is connected now, in one process
// at a time.
func TestFollowTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		one, two := h.open(), h.open()
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, site := range []*saltolocks.Site{one, two} {
			all.Go(func() { site.Run(ctx) })
		}
		salto := h.sim.World().Sites[0]
		streams := func() (n int) {
			for _, r := range h.sim.Requests() {
				if strings.HasSuffix(r.Path, "/hub/entries") && r.Method == "GET" {
					n++
				}
			}
			return n
		}
		stored := func() int {
			list, err := h.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft"})
			h.ok(err)
			return len(list)
		}
		h.connect(one, saltokstest.Allow())
		time.Sleep(2 * time.Minute)
		if n := streams(); n != 1 {
			t.Errorf("%d streams of two processes", n)
		}
		before := stored()
		h.sim.Tap(salto.Locks[0].ID, salto.Members[0].User)
		synctest.Wait()
		if got := stored(); got != before+1 {
			t.Errorf("%d entries at once, want one more than %d", got, before)
		}

		_, err := one.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect)
		h.ok(err)
		time.Sleep(10 * time.Minute)
		h.sim.ForgetRequests()
		time.Sleep(10 * time.Minute)
		if n := len(h.sim.Requests()); n != 0 {
			t.Errorf("%d requests after the disconnect", n)
		}
		stop()
		all.Wait()
	})
}

// TestFollowIsRead: Stats reports that SALTO's log is read even if it has no entries,
// while it is streamed and while it is polled, and that it is not read in an outage.
func TestFollowIsRead(t *testing.T) {
	for name, events := range map[string]bool{"streamed": true, "polled": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				if !events {
					r.sim.Fault(saltokstest.HTTP500, saltokstest.On("/hub/"), saltokstest.Count(-1))
				}
				r.following(r.sim.Now())
				age := func() time.Duration {
					stats, err := r.gate.Stats(t.Context())
					r.ok(err)
					return r.sim.Now().Sub(stats.EntriesReadAt)
				}
				for range 10 {
					time.Sleep(7 * time.Minute)
					if got := age(); got > 5*time.Minute {
						t.Errorf("last read %v ago", got)
					}
				}
				r.sim.Fault(saltokstest.HTTP500, saltokstest.On("/"), saltokstest.Count(-1))
				time.Sleep(time.Hour)
				if got := age(); got < 50*time.Minute {
					t.Errorf("last read %v ago, in an outage of an hour", got)
				}
			})
		})
	}
}

// TestFollowUntilTheSiteChanges: Follow of a reader ends when another site of SALTO KS is
// chosen, and not when a deep pass is due.
func TestFollowUntilTheSiteChanges(t *testing.T) {
	span := 25 * time.Hour // a deep pass
	switch {
	case testing.Short():
		span = 5 * time.Hour // polls only
	case os.Getenv("DOORKIT_FULL") == "1":
		span = 50 * time.Hour
	}
	withHost(t, func(t *testing.T, h *host) {
		other := h.sim.AddSite(saltokstest.Site{Name: "Quay", Members: []saltokstest.Member{{User: h.sim.World().Users[0].Email}}})
		site := h.open()
		h.connect(site, saltokstest.Allow())
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() {
			ended <- site.Entries.Follow(ctx, "", func([]gate.VendorEntry, string) error { return nil })
		}()
		h.sleep(span)
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		default:
		}
		h.ok(site.LinkSite(t.Context(), saltoks.SiteID(other.ID)))
		h.sleep(6 * time.Minute)
		select {
		case err := <-ended:
			h.ok(err)
		default:
			t.Error("it still follows the previous site")
		}
	})
}

// TestFollowEndsWithTheStore: if entries or the cursor cannot be stored, Follow ends
// with that error.
func TestFollowEndsWithTheStore(t *testing.T) {
	for works := range 3 {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t, true)
			calls := 0
			ended := make(chan error, 1)
			go func() {
				ended <- r.locks.Entries(r.sim.Now()).Follow(t.Context(), "", func([]gate.VendorEntry, string) error {
					if calls++; calls > works {
						return errHost
					}
					return nil
				})
			}()
			for range 3 {
				time.Sleep(6 * time.Minute)
				r.sim.Tap(r.site.Locks[0].ID, r.sim.World().Users[0].Email)
			}
			if err := <-ended; !errors.Is(err, errHost) || calls != works+1 {
				t.Errorf("call %d: %v after %d calls", works+1, err, calls)
			}
		})
	}
}
