package saltolocks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

func TestEntriesSettleUnconfirmedCommands(t *testing.T) {
	for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
		t.Run(string(action), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				reader := r.locks.Entries(time.Time{})
				if action == access.Lock {
					r.want(r.do(access.OfficeMode, r.tap("front")), gate.Accepted, "")
					time.Sleep(time.Hour)
				}
				r.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/locking"))
				tap := r.tap("front")
				r.want(r.do(action, tap), gate.Unconfirmed, gate.CauseNoAnswer)
				report, err := r.gate.Ingest(t.Context(), reader)
				r.ok(err)
				if len(report.Settled) != 1 || report.Settled[0].RequestID != tap.RequestID {
					t.Fatalf("got %+v", report)
				}
				r.want(r.do(action, tap), gate.Accepted, "")
				holds, err := r.gate.Holds(t.Context())
				r.ok(err)
				if (len(holds) == 1) != (action == access.OfficeMode) {
					t.Errorf("got holds %v", holds)
				}
				// A command that moved nothing stays unconfirmed.
				time.Sleep(time.Hour)
				r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("/locking"))
				tap = r.tap("front")
				r.want(r.do(action, tap), gate.Unconfirmed, gate.CauseNoAnswer)
				time.Sleep(time.Hour)
				if report, err = r.gate.Ingest(t.Context(), reader); err != nil || len(report.Settled) != 0 {
					t.Fatalf("got %+v, %v", report, err)
				}
			})
		})
	}
}

func TestEntriesAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		reader := r.locks.Entries(time.Time{})
		report, err := r.gate.Ingest(t.Context(), reader)
		r.ok(err)
		had := report.New
		for range 3 {
			r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
			time.Sleep(time.Minute)
		}
		report, err = r.gate.Ingest(t.Context(), reader)
		r.ok(err)
		if report.New != 3 {
			t.Fatalf("got %d new entries", report.New)
		}
		if report, err = r.gate.Ingest(t.Context(), reader); err != nil || report.New != 0 {
			t.Fatalf("again: got %+v, %v", report, err)
		}
		list, err := r.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft"})
		r.ok(err)
		if len(list) != had+3 || list[had].By != "remote" || list[had].What != "lock_opened" || list[had].User != r.sim.World().Users[0].ID {
			t.Fatalf("got %+v", list)
		}
		// They add no rows to the door log, and no check-ins.
		days, err := r.gate.CheckIns(t.Context(), gate.CheckInQuery{})
		r.ok(err)
		if len(days) != 1 {
			t.Errorf("got check-ins %v", days)
		}
		if _, _, err := reader.Poll(t.Context(), "nonsense"); err == nil {
			t.Error("a broken cursor was taken")
		}
		if m, err := reader.Meaning(t.Context(), gate.VendorEntry{What: "lock_rejected", By: "tag", Detail: "no_access"}); err != nil ||
			m != (gate.Meaning{Event: gate.LockRejected, Means: gate.MeansFob, Reason: "no_access"}) {
			t.Errorf("got %+v, %v", m, err)
		}
	})
}

// If the cloud carries out a start of office mode after a later lock, the door is open,
// and its log shows who holds it.
func TestALateStartIsHeldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		reader := r.locks.Entries(time.Time{})
		held := func(when string, want int) {
			t.Helper()
			holds, err := r.gate.Holds(t.Context())
			r.ok(err)
			if len(holds) != want {
				t.Errorf("%s: got holds %+v", when, holds)
			}
		}
		r.sim.Fault(saltokstest.Slow, saltokstest.On("/locking"), saltokstest.Delay(40*time.Second))
		r.want(r.do(access.OfficeMode, r.tap("front")), gate.Unconfirmed, gate.CauseNoAnswer)
		held("unconfirmed", 1)
		time.Sleep(5 * time.Second)
		r.want(r.do(access.Lock, r.tap("front")), gate.Accepted, "")
		held("locked", 0)
		time.Sleep(time.Minute)
		if got := r.sim.LockState(r.site.Locks[0].ID); got != "office_mode" {
			t.Fatalf("the lock is %q: this test proves nothing", got)
		}
		report, err := r.gate.Ingest(t.Context(), reader)
		r.ok(err)
		if len(report.Settled) != 1 || len(report.Ended) != 0 {
			t.Errorf("got %+v", report)
		}
		held("proven", 1)
		// So CloseOfficeMode locks it when Ada's right ends.
		r.ok(r.store.DeleteMember(t.Context(), "loft", "ada"))
		_, err = r.gate.CloseOfficeMode(t.Context(), gate.CloseRequest{RightEnded: true})
		r.ok(err)
		held("locked by CloseOfficeMode", 0)
		if got := r.sim.LockState(r.site.Locks[0].ID); got != "locked" {
			t.Errorf("the lock is %q", got)
		}
	})
}

// Only remote commands of the connection's own user are ours.
func TestMeaningIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		reader := r.locks.Entries(time.Time{})
		self := r.sim.World().Users[0].ID
		for _, c := range []struct {
			by, user string
			want     bool
			means    gate.Means
		}{
			{"remote", self, true, gate.MeansRemote}, {"remote", "0c5f1a40-0000-4000-8000-0000000000aa", false, gate.MeansRemote},
			{"remote", "", false, gate.MeansRemote}, {"tag", self, false, gate.MeansFob},
			{"inside_handle", self, false, gate.MeansInsideHandle}, {"", self, false, ""},
		} {
			got, err := reader.Meaning(t.Context(), gate.VendorEntry{What: "lock_opened", By: c.by, User: c.user})
			if err != nil || got != (gate.Meaning{Event: gate.LockOpened, Means: c.means, Ours: c.want}) {
				t.Errorf("by %q, user %q: got %+v, %v", c.by, c.user, got, err)
			}
		}
	})
}

// A remote opening by another SALTO user proves nothing about our command.
func TestAnotherUsersOpeningSettlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := saltokstest.DefaultWorld()
		w.Sites[0].IQs[0].WithoutOTP = true
		r := newFixtureWith(t, false, saltokstest.Config{World: w})
		other := r.sim.AddUser(saltokstest.User{Email: "other@quay.example", Password: "Quay-Other-71"})
		r.sim.AddMember(r.site.ID, saltokstest.Member{User: other.Email})
		remote := r.remoteOf(other)
		r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("/locking"))
		tap := r.tap("front")
		r.want(r.do(access.Unlock, tap), gate.Unconfirmed, gate.CauseNoAnswer)
		lock := r.site.Locks[0]
		r.ok(remote.Unlock(t.Context(), saltoremote.Target{
			Site: saltoks.SiteID(r.site.ID), IQ: saltoks.IQID(r.site.IQs[0].ID), Lock: saltoks.LockID(lock.ID),
		}))
		report, err := r.gate.Ingest(t.Context(), r.locks.Entries(time.Time{}))
		r.ok(err)
		if r.moved(0) != 1 || report.New == 0 || len(report.Settled) != 0 {
			t.Errorf("%d movements, report %+v", r.moved(0), report)
		}
		r.want(r.do(access.Unlock, tap), gate.Unconfirmed, gate.CauseNoAnswer)
	})
}

// Entries that appear after newer ones are found within the overlap, or by a deep pass.
func TestLateEntries(t *testing.T) {
	for name, c := range map[string]struct {
		behind time.Duration
		atOnce bool // found by the next Ingest
		later  bool // found by one a day later
	}{
		"within the default overlap":  {behind: 14 * time.Minute, atOnce: true, later: true},
		"an IQ offline for two hours": {behind: 110 * time.Minute, later: true},
		"a clock of the year 2000":    {behind: 26 * 365 * 24 * time.Hour, later: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				reader := r.locks.Entries(r.sim.Now().Add(-24 * time.Hour))
				lock, user := r.site.Locks[1].ID, r.sim.World().Users[0].Email
				r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
				found := func(want bool, when string) {
					t.Helper()
					_, err := r.gate.Ingest(t.Context(), reader)
					r.ok(err)
					list, err := r.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft", Lock: lock})
					r.ok(err)
					if (len(list) == 1) != want || len(list) > 1 {
						t.Errorf("%s: %d entries, want one: %t", when, len(list), want)
					}
				}
				found(false, "before")
				r.sim.SetLockClock(lock, -c.behind)
				if !r.sim.Tap(lock, user) {
					t.Fatal("the fob does not open")
				}
				found(c.atOnce, "at once")
				time.Sleep(24 * time.Hour)
				found(c.later, "a day later")
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := new(saltolocks.Entries).Poll(t.Context(), ""); err == nil {
			t.Error("a zero Entries was accepted")
		}
	})
}
