package saltolocks_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// What belongs to the platform and what to SALTO: links and names, schedules, the time
// zone.

// TestUnlinkedDoorSendsNothing: the rules may name a door before it is linked, and it
// opens only afterwards.
func TestUnlinkedDoorSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		r.ok(r.store.PutDoor(t.Context(), "loft", gate.Door{Door: access.Door{ID: "new", Name: "New", AccessType: access.AccessOnly}}))
		r.ok(r.store.PutGrant(t.Context(), "loft", gate.Grant{Grant: access.Grant{
			ID: "new", Member: "ada", Door: "new", Hours: access.Always(), RequiresMembership: new(false),
		}}))
		r.ok(r.doors.Unlink(t.Context(), "front"))
		for _, door := range []string{"new", "front"} {
			r.want(r.do(access.Unlock, r.tap(door)), gate.Denied, gate.CauseNotLinked)
		}
		keys, err := r.gate.Keys(t.Context(), "ada", 0)
		r.ok(err)
		for _, key := range keys {
			if (key.Cause == gate.CauseNotLinked) != (key.Door != "office") {
				t.Errorf("the key of %s has the cause %q", key.Door, key.Cause)
			}
		}
		if n := len(r.sim.Requests()); n != 0 {
			t.Errorf("%d calls were made", n)
		}
		_, err = r.doors.Link(t.Context(), gate.LinkRequest{Door: "new", Lock: r.site.Locks[0].ID})
		r.ok(err)
		r.want(r.do(access.Unlock, r.tap("new")), gate.Accepted, "")
	})
}

// TestRenamedInSALTO: the door keeps its name after any read of SALTO's locks, and the
// lock's new name is shown in addition.
func TestRenamedInSALTO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		r.rename("front", "Harbour Gate")
		lock, reader := r.site.Locks[0].ID, r.locks.Entries(time.Time{})
		r.sim.RenameLock(lock, "Renamed in SALTO")
		r.sim.AttachLock(lock, r.site.IQs[1].ID) // so that the link is written again
		changed, err := r.doors.RefreshLinks(t.Context())
		r.ok(err)
		if len(changed) != 1 || changed[0].Name != "Harbour Gate" {
			t.Errorf("RefreshLinks: %+v", changed)
		}
		_, err = r.gate.RefreshLockStates(t.Context(), r.locks)
		r.ok(err)
		r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
		_, err = r.gate.Ingest(t.Context(), reader)
		r.ok(err)
		_, err = r.gate.Doctor(t.Context(), gate.Diagnostics{
			Readers: storage.ReadersOf(r.store), Catalog: r.locks, Checkers: []gate.Checker{r.locks.Doctor(nil)},
		})
		r.ok(err)
		doors, _, err := r.doors.List(t.Context())
		r.ok(err)
		front := doors[slices.IndexFunc(doors, func(d gate.DoorStatus) bool { return d.Door.ID == "front" })]
		if front.Door.Name != "Harbour Gate" || front.Lock.Link.Name != "Renamed in SALTO" {
			t.Errorf("the door is %q, its lock %q", front.Door.Name, front.Lock.Link.Name)
		}
		keys, err := r.gate.Keys(t.Context(), "ada", 0)
		r.ok(err)
		if keys[0].Name != "Harbour Gate" {
			t.Errorf("the member sees %q", keys[0].Name)
		}
	})
}

// TestScheduleOpensNothing: a schedule of SALTO locks. Only one with automatic start
// opens, and Doctor reports it; the gate sends nothing and records no holder.
func TestScheduleOpensNothing(t *testing.T) {
	for name, auto := range map[string]bool{"without automatic start": false, "with automatic start": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a Saturday, 01:00 at the site
				r := newFixture(t, true)
				lock, reader := r.site.Locks[0].ID, r.locks.Entries(r.sim.Now())
				r.sim.SetSchedule(lock, &saltokstest.Schedule{
					Monday: true, Saturday: true, StartTime: "08:00:00", EndTime: "18:00:00", AutoStart: auto,
				})
				shown, err := r.locks.Lock(t.Context(), lock)
				r.ok(err)
				want := &gate.LockSchedule{
					Days: []access.Day{access.Mon, access.Sat}, Start: access.At(8, 0), End: access.At(18, 0), AutoStart: auto,
				}
				if diff := cmp.Diff(want, shown.Schedule); diff != "" {
					t.Errorf("the schedule is read otherwise (-want +got):\n%s", diff)
				}
				found := r.codes(gate.Diagnostics{Readers: storage.ReadersOf(r.store), Catalog: r.locks})
				if slices.Contains(found, "warning schedule_opens") != auto {
					t.Errorf("Doctor reports %q", found)
				}
				time.Sleep(30 * time.Minute)
				for hour := 1; hour <= 48; hour++ {
					want := "locked"
					if auto && hour >= 8 && hour < 18 { // not on Sunday
						want = "office_mode"
					}
					if got := r.sim.LockState(lock); got != want {
						t.Errorf("after %d hours it is %s, want %s", hour, got, want)
					}
					time.Sleep(time.Hour)
				}
				_, err = r.gate.Ingest(t.Context(), reader)
				r.ok(err)
				holds, err := r.gate.Holds(t.Context())
				r.ok(err)
				days, err := r.gate.CheckIns(t.Context(), gate.CheckInQuery{})
				r.ok(err)
				for row, err := range r.gate.Log(t.Context(), gate.LogQuery{}) {
					t.Errorf("a row of the door log: %+v, %v", row, err)
				}
				if len(holds) != 0 || len(days) != 0 {
					t.Errorf("holds %v, check-ins %v", holds, days)
				}
				for _, q := range r.sim.Requests() {
					if q.Part == "api" && q.Method != "GET" {
						t.Errorf("it wrote to SALTO: %s %s", q.Method, q.Path)
					}
				}
			})
		})
	}
}

// TestCommandsWriteNothingElse: no action changes a user, a fob or a right in SALTO.
func TestCommandsWriteNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
			r.want(r.do(action, r.tap("front")), gate.Accepted, "")
			time.Sleep(time.Minute)
		}
		for _, q := range r.sim.Requests() {
			if q.Part == "api" && q.Method != "GET" && !strings.HasSuffix(q.Path, "/locking") {
				t.Errorf("a write: %s %s", q.Method, q.Path)
			}
		}
		if !r.sim.Tap(r.site.Locks[0].ID, r.sim.World().Users[0].Email) {
			t.Error("the fob no longer opens")
		}
	})
}

// TestRulesZoneCounts: hours and days are those of the rules' time zone, even if
// SALTO's site is in another one.
func TestRulesZoneCounts(t *testing.T) {
	for zone, c := range map[string]struct {
		outcome gate.Outcome
		day     string
	}{"America/New_York": {gate.Accepted, "1999-12-31"}, "Europe/Amsterdam": {gate.Denied, ""}} {
		t.Run(zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // 2000-01-01 00:00 UTC
				r := newFixture(t, true)
				rules, err := r.store.Rules(t.Context(), "loft")
				r.ok(err)
				rules.Site.TimeZone = zone
				r.ok(r.store.PutRules(t.Context(), rules))
				r.ok(storage.UpdateGrant(t.Context(), r.store, "loft", "front", func(g *gate.Grant) error {
					g.Hours = access.Weekly(access.Range{Days: access.Days(access.Mon, access.Sun), From: access.At(18, 0), To: access.At(20, 0)})
					return nil
				}))
				receipt := r.do(access.Unlock, r.tap("front")) // 19:00 in New York
				r.want(receipt, c.outcome, "")
				if receipt.CheckIn != nil && receipt.CheckIn.Day != c.day || c.outcome == gate.Accepted && receipt.CheckIn == nil {
					t.Errorf("the check-in is %+v, want one of %s", receipt.CheckIn, c.day)
				}
				if c.outcome == gate.Denied && receipt.Decision.Reason != access.ReasonOutsideHours {
					t.Errorf("denied by %s", receipt.Decision.Reason)
				}
			})
		})
	}
}
