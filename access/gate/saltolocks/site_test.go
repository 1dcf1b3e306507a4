package saltolocks_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// TestEveryLockType: a lock of any type works, such as a door controller with a strike
// or a magnet, or a type that this library does not know.
func TestEveryLockType(t *testing.T) {
	types := []string{string(saltoks.WallReaderPIN), string(saltoks.EscutcheonPIN), "escutcheon", "door_controller", "a type of next year"}
	synctest.Test(t, func(t *testing.T) {
		w := saltokstest.DefaultWorld()
		for _, kind := range types {
			w.Sites[0].Locks = append(w.Sites[0].Locks, saltokstest.Lock{Name: kind, Type: kind})
		}
		r := newFixtureWith(t, true, saltokstest.Config{World: w})
		byName := map[string]string{}
		for lock, err := range r.locks.Locks(t.Context()) {
			r.ok(err)
			byName[lock.Link.Name] = lock.Link.Lock
		}
		for _, kind := range types {
			id := byName[kind]
			_, err := r.doors.Link(t.Context(), gate.LinkRequest{Door: kind, Lock: id, AccessType: access.AccessOnly})
			r.ok(err)
			r.ok(r.store.PutGrant(
				t.Context(), "loft",
				gate.Grant{Grant: access.Grant{ID: kind, Member: "ada", Door: kind, Hours: access.Always(), RequiresMembership: new(false)}},
			))
			r.want(r.do(access.Unlock, r.tap(kind)), gate.Accepted, "")
			if got := r.sim.LockState(id); got != "unlocked" || r.sim.Movements(id) != 1 {
				t.Errorf("%s: %s after %d movements", kind, got, r.sim.Movements(id))
			}
			time.Sleep(7 * time.Second)
			if got := r.sim.LockState(id); got != "locked" {
				t.Errorf("%s seven seconds later: %s", kind, got)
			}
		}
	})
}

// TestFobsAreNotChanged: openings by fob, key code or handle are in SALTO's log, and not
// in the door log or the check-ins. Nothing that is done here changes a fob, a key code
// or a right in SALTO KS.
func TestFobsAreNotChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		lock, user := r.site.Locks[0].ID, r.sim.World().Users[0].Email
		reader := r.locks.Entries(r.sim.Now())
		hands := func() {
			t.Helper()
			if !r.sim.Tap(lock, user) {
				t.Error("the fob does not open")
			}
			time.Sleep(time.Minute)
			r.sim.OpenFromInside(lock)
			time.Sleep(time.Minute)
		}
		hands()
		// A booking, used, ended early and cancelled; a door renamed and unlinked.
		now := r.sim.Now()
		booking := reservation.Reservation{ID: "r1", Resource: "room", Member: "bob", Start: now, End: now.Add(time.Hour)}
		rules, err := r.store.Rules(t.Context(), "loft")
		r.ok(err)
		rules.Resources = []access.Resource{{ID: "room", Doors: []string{"front"}}}
		r.ok(r.store.PutRules(t.Context(), rules))
		r.ok(r.store.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{ID: "bob"}}))
		r.ok(r.store.PutReservation(t.Context(), "loft", gate.Reservation{Reservation: booking}))
		tap := r.tap("front")
		tap.Member = "bob"
		receipt := r.do(access.Unlock, tap)
		r.want(receipt, gate.Accepted, "")
		if receipt.Decision.Reason != access.ReasonReservation {
			t.Errorf("opened by %s", receipt.Decision.Reason)
		}
		time.Sleep(time.Minute)
		r.ok(storage.UpdateReservation(t.Context(), r.store, "loft", "r1", func(b *gate.Reservation) (err error) {
			b.Reservation, err = b.EndEarly(r.sim.Now())
			return err
		}))
		r.ok(r.store.DeleteReservation(t.Context(), "loft", booking.ID))
		r.rename("front", "Harbour Gate")
		r.ok(r.doors.Unlink(t.Context(), "front"))
		hands()

		_, err = r.gate.Ingest(t.Context(), reader)
		r.ok(err)
		seen := map[string]int{}
		entries, err := r.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft", Lock: lock})
		r.ok(err)
		for _, e := range entries {
			if seen[e.By]++; e.By == "tag" && e.User != r.sim.World().Users[0].ID {
				t.Errorf("the user of the fob is %q", e.User)
			}
		}
		if diff := cmp.Diff(map[string]int{"tag": 2, "inside_handle": 2, "remote": 1}, seen); diff != "" {
			t.Errorf("SALTO's log (-want +got):\n%s", diff)
		}
		rows := 0
		for row, err := range r.gate.Log(t.Context(), gate.LogQuery{}) {
			r.ok(err)
			d, _, err := gate.ReadDetail(row)
			r.ok(err)
			if rows++; d.RequestID != tap.RequestID {
				t.Errorf("a row that no digital key made: %+v", row)
			}
		}
		days, err := r.gate.CheckIns(t.Context(), gate.CheckInQuery{})
		r.ok(err)
		if rows != 2 || len(days) != 1 || days[0].RequestID != tap.RequestID {
			t.Errorf("%d rows, check-ins %+v", rows, days)
		}
		for _, q := range r.sim.Requests() {
			if q.Part == "api" && q.Method != "GET" && !strings.HasSuffix(q.Path, "/locking") {
				t.Errorf("a write: %s %s", q.Method, q.Path)
			}
		}
		if r.commands() != 1 {
			t.Errorf("%d commands", r.commands())
		}
	})
}

// TestTwoSites: two sites of one user do not see each other's locks.
func TestTwoSites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		second := r.sim.AddSite(saltokstest.Site{
			Name: "Quay House", Members: []saltokstest.Member{{User: r.sim.World().Users[0].Email}},
			IQs: []saltokstest.IQ{{Name: "IQ Quay", WithoutOTP: true}}, Locks: []saltokstest.Lock{{Name: "Quay Door"}},
		})
		other, err := saltolocks.NewLocks(saltolocks.LocksConfig{
			Client: r.client, Remote: r.remote, Site: saltoks.SiteID(second.ID), Now: r.sim.Now,
		})
		r.ok(err)
		names := func(l *saltolocks.Locks) (list []string) {
			t.Helper()
			for lock, err := range l.Locks(t.Context()) {
				r.ok(err)
				list = append(list, lock.Link.Name)
			}
			return list
		}
		if diff := cmp.Diff([]string{"Quay Door"}, names(other)); diff != "" {
			t.Error(diff)
		}
		if got := names(r.locks); strings.Contains(strings.Join(got, " "), "Quay") || len(got) != len(r.site.Locks) {
			t.Errorf("got %q", got)
		}
		for _, c := range []struct {
			locks *saltolocks.Locks
			id    string
		}{{other, r.site.Locks[0].ID}, {r.locks, second.Locks[0].ID}} {
			if lock, err := c.locks.Lock(t.Context(), c.id); !errors.Is(err, gate.ErrNotFound) {
				t.Errorf("seen through the other site: %+v, %v", lock, err)
			}
		}
		if _, err := r.doors.Link(
			t.Context(), gate.LinkRequest{Door: "quay", Lock: second.Locks[0].ID, AccessType: access.AccessOnly},
		); !errors.Is(err, gate.ErrNotFound) {
			t.Errorf("linked through the other site: %v", err)
		}
	})
}

// TestReconnectKeepsEverything: links, names, rules, holds and activations are the same
// after the consent was renewed, even after refused attempts.
func TestReconnectKeepsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := saltokstest.DefaultWorld()
		w.Users = append(w.Users, saltokstest.User{Email: "other@quay.example", Password: "Quay-Other-71"})
		r := newFixtureWith(t, true, saltokstest.Config{World: w})
		r.rename("front", "Harbour Gate")
		r.want(r.do(access.OfficeMode, r.tap("office")), gate.Accepted, "")
		everything := func() (all struct {
			Doc         storage.Document
			Doors       []gate.Door
			Holds       []gate.Hold
			Activations []saltoremote.ActivationState
			Subject     string
		},
		) {
			t.Helper()
			var err error
			all.Doc, err = storage.Export(t.Context(), storage.ReadersOf(r.store), "loft")
			r.ok(err)
			all.Doors, err = r.store.Doors(t.Context(), "loft")
			r.ok(err)
			all.Holds, err = r.gate.Holds(t.Context())
			r.ok(err)
			for _, iq := range r.site.IQs {
				state, err := r.remote.Activation().State(t.Context(), saltoks.SiteID(r.site.ID), saltoks.IQID(iq.ID))
				r.ok(err)
				all.Activations = append(all.Activations, state)
			}
			conn, err := r.auth.Connection(t.Context(), r.conn.ID)
			r.ok(err)
			all.Subject = conn.Subject
			return all
		}
		before := everything()
		r.sim.Clock().Advance(91 * 24 * time.Hour)
		r.want(r.do(access.Unlock, r.tap("front")), gate.NotSent, gate.CauseReauthorize)
		reconnect := func(choice saltokstest.ConsentChoice) error {
			t.Helper()
			login, err := r.auth.BeginReconnect(t.Context(), r.conn.ID)
			r.ok(err)
			callback, err := r.sim.Consent(t.Context(), login.URL(), choice)
			r.ok(err)
			_, err = r.auth.Reconnect(t.Context(), login, callback.Query())
			return err
		}
		wrong := saltokstest.Allow()
		wrong.Email, wrong.Password = "other@quay.example", "Quay-Other-71"
		if err := reconnect(wrong); !errors.Is(err, saltoauth.ErrWrongUser) {
			t.Fatalf("another user: %v", err)
		}
		r.ok(reconnect(saltokstest.Allow()))
		if diff := cmp.Diff(before, everything()); diff != "" {
			t.Errorf("something changed (-before +after):\n%s", diff)
		}
		r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
	})
}

// TestScheduleEndsOfficeMode: SALTO's schedule locks a door in office mode, and the hold
// ends once SALTO's log was read.
func TestScheduleEndsOfficeMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 01:00 at the site
		r := newFixture(t, true)
		lock := r.site.Locks[1].ID
		r.sim.SetSchedule(lock, &saltokstest.Schedule{
			Monday: true, Tuesday: true, Wednesday: true, Thursday: true, Friday: true, Saturday: true, Sunday: true,
			StartTime: "00:30:00", EndTime: "18:00:00",
		})
		reader := r.locks.Entries(r.sim.Now())
		holds := func() int {
			t.Helper()
			_, err := r.gate.Ingest(t.Context(), reader)
			r.ok(err)
			list, err := r.gate.Holds(t.Context())
			r.ok(err)
			return len(list)
		}
		if got := r.sim.LockState(lock); got != "locked" {
			t.Fatalf("the schedule opened the door: %s", got)
		}
		r.want(r.do(access.OfficeMode, r.tap("office")), gate.Accepted, "")
		time.Sleep(16 * time.Hour)
		if got := r.sim.LockState(lock); got != "office_mode" || holds() != 1 {
			t.Errorf("before the schedule ends: %s", got)
		}
		time.Sleep(time.Hour)
		if got := r.sim.LockState(lock); got != "locked" || holds() != 0 {
			t.Errorf("after the schedule ended: %s", got)
		}
		if r.commands() != 1 {
			t.Errorf("%d commands", r.commands())
		}
	})
}
