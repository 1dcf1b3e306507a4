package saltolocks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestSALTOsLogSettlesWhatWasUnconfirmed(t *testing.T) {
	for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
		t.Run(string(action), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, true)
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
				// What never moved stays unconfirmed, however long one waits.
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
		r := newRig(t, true)
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
		list, err := r.gate.VendorEntries(t.Context(), gate.VendorQuery{})
		r.ok(err)
		if len(list) != had+3 || list[had].By != "remote" || list[had].What != "lock_opened" || list[had].User != r.sim.World().Users[0].ID {
			t.Fatalf("got %+v", list)
		}
		// They are no rows of the door log, and no check-ins.
		days, err := r.gate.CheckIns(t.Context(), gate.CheckInQuery{})
		r.ok(err)
		if len(days) != 1 {
			t.Errorf("got check-ins %v", days)
		}
		if _, _, err := reader.Poll(t.Context(), "nonsense"); err == nil {
			t.Error("a broken cursor was taken")
		}
		if m, err := reader.Meaning(t.Context(), gate.VendorEntry{What: "lock_rejected", By: "tag"}); err != nil || m != (gate.Meaning{}) {
			t.Errorf("got %+v, %v", m, err)
		}
	})
}

// A cloud so slow that it carries a start out after the lock that came later:
// the door is open, and its log tells who holds it.
func TestALateStartIsHeldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true)
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
		// So the guardian locks it when her right ends.
		r.ok(r.store.DeleteMember(t.Context(), "loft", "ada"))
		_, err = r.gate.CloseOfficeMode(t.Context(), gate.CloseRequest{RightEnded: true})
		r.ok(err)
		held("locked by the guardian", 0)
		if got := r.sim.LockState(r.site.Locks[0].ID); got != "locked" {
			t.Errorf("the lock is %q", got)
		}
	})
}
