package saltolocks_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		lock := r.site.Locks[0].ID
		receipt := r.do(access.Unlock, r.tap("front"))
		r.want(receipt, gate.Accepted, "")
		if r.sim.LockState(lock) != "unlocked" || r.moved(0) != 1 || r.commands() != 1 {
			t.Fatalf("got %s, %d movements, %d commands", r.sim.LockState(lock), r.moved(0), r.commands())
		}
		if d := receipt.RelockAt.Sub(receipt.At); d != 7*time.Second {
			t.Errorf("relock after %v", d)
		}
		time.Sleep(7 * time.Second)
		if got := r.sim.LockState(lock); got != "locked" {
			t.Errorf("seven seconds later it is %s", got)
		}
		office := r.site.Locks[1].ID
		r.want(r.do(access.OfficeMode, r.tap("office")), gate.Accepted, "")
		time.Sleep(time.Hour)
		if got := r.sim.LockState(office); got != "office_mode" {
			t.Errorf("an hour later the office is %s", got)
		}
		r.want(r.do(access.Lock, r.tap("office")), gate.Accepted, "")
		if got := r.sim.LockState(office); got != "locked" {
			t.Errorf("locked, it is %s", got)
		}
		if r.commands() != 3 {
			t.Errorf("got %d commands", r.commands())
		}
	})
}

func TestOneCommandOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		tap := r.tap("front")
		first := r.do(access.Unlock, tap)
		second := r.do(access.Unlock, tap)
		if first.Outcome != gate.Accepted || second.LogRow != first.LogRow {
			t.Fatalf("got %+v and %+v", first, second)
		}
		if r.commands() != 1 || r.moved(0) != 1 || len(r.sim.Requests()) != 1 {
			t.Fatalf("got %d commands, %d movements, %d requests", r.commands(), r.moved(0), len(r.sim.Requests()))
		}
	})
}

func TestIQNotActivated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, false)
		r.want(r.do(access.Unlock, r.tap("front")), gate.Denied, gate.CauseIQNotActivated)
		if n := len(r.sim.Requests()); n != 0 {
			t.Errorf("%d calls were made", n)
		}
	})
}

func TestAnIQWithoutCodesNeedsNoActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := saltokstest.DefaultWorld()
		w.Sites[0].IQs[0].WithoutOTP = true
		r := newFixtureWith(t, false, saltokstest.Config{World: w})
		r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
	})
}

func TestAnotherSite(t *testing.T) {
	r := newFixture(t, true)
	other, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: r.client, Remote: r.remote, Site: "another"})
	r.ok(err)
	d, err := r.store.Door(t.Context(), "loft", "front")
	r.ok(err)
	command := func(a access.Action, by time.Time) gate.Command {
		return gate.Command{Link: d.Link, Action: a, SendBy: by, Left: func() time.Duration { return time.Until(by) }}
	}
	result := other.Move(t.Context(), command(access.Unlock, time.Now().Add(time.Second)))
	if result.Outcome != gate.Denied || result.Cause != gate.CauseNotLinked || result.Err == nil {
		t.Fatalf("got %+v", result)
	}
	for action, want := range map[access.Action]gate.Cause{"dance": gate.CauseInternal, access.Unlock: gate.CauseDeadline} {
		late := time.Now()
		if want != gate.CauseDeadline {
			late = late.Add(time.Minute)
		}
		result = r.locks.Move(t.Context(), command(action, late))
		if result.Outcome != gate.NotSent || result.Cause != want {
			t.Errorf("%s: got %+v", action, result)
		}
	}
	if r.commands() != 0 {
		t.Error("something was sent")
	}
}

// A clock that was set back between the claim and the command does not extend the time
// for sending: Command.Left counts.
func TestMoveAfterTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		r.sim.Clock().Advance(2 * time.Hour) // the token has run out, and
		r.sim.Fault(saltokstest.Slow, saltokstest.On("/connect/token"), saltokstest.Delay(3*time.Second))
		d, err := r.store.Door(t.Context(), "loft", "front")
		r.ok(err)
		end := time.Now().Add(2 * time.Second)
		left := func() time.Duration { return time.Until(end) }
		c := gate.Command{Link: d.Link, Action: access.Unlock, SendBy: r.sim.Now().Add(time.Hour), Left: left}
		result := r.locks.Move(t.Context(), c)
		if result.Outcome != gate.NotSent || result.Cause != gate.CauseDeadline {
			t.Fatalf("got %+v", result)
		}
		time.Sleep(time.Minute)
		if r.commands() != 0 || r.moved(0) != 0 {
			t.Fatalf("%d commands, %d movements", r.commands(), r.moved(0))
		}
	})
}

func TestCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := saltokstest.DefaultWorld()
		w.Sites[0].Locks = append(
			w.Sites[0].Locks, saltokstest.Lock{Name: "Loose", IQ: "none"},
			saltokstest.Lock{Name: "Asleep", IQ: "IQ Ground Floor", Offline: true},
			saltokstest.Lock{Name: "Cellar", IQ: "IQ Cellar"})
		w.Sites[0].IQs = append(w.Sites[0].IQs, saltokstest.IQ{Name: "IQ Cellar", Offline: true, WithoutOTP: true})
		r := newFixtureWith(t, false, saltokstest.Config{World: w})
		r.activate(saltoks.IQID(r.site.IQs[0].ID), r.sim.World().Users[0].Email)
		r.sim.ForgetRequests()
		got := map[string]gate.Cause{}
		for lock, err := range r.locks.Locks(t.Context()) {
			r.ok(err)
			got[lock.Link.Name] = lock.Problem
			one, err := r.locks.Lock(t.Context(), lock.Link.Lock)
			r.ok(err)
			if one.Link != lock.Link || one.State != "locked" {
				t.Errorf("asked for alone: got %+v, want %+v", one.Link, lock.Link)
			}
		}
		want := map[string]gate.Cause{
			"Main Entrance": "", "Bicycle Store": "", "Office Four": gate.CauseIQNotActivated, "Meeting Room": gate.CauseIQNotActivated,
			"Loose": gate.CauseNotLinked, "Asleep": gate.CauseLockOffline, "Cellar": gate.CauseIQOffline,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		loose := ""
		for _, l := range r.site.Locks {
			if l.Name == "Loose" {
				loose = l.ID
			}
		}
		if _, err := r.doors.Link(
			t.Context(), gate.LinkRequest{Door: "x", Lock: loose, AccessType: access.AccessOnly},
		); !errors.Is(err, gate.ErrNoGateway) {
			t.Errorf("got error %v", err)
		}
		if _, err := r.doors.Link(
			t.Context(), gate.LinkRequest{Door: "x", Lock: "0c5f1a40-0000-4000-8000-00000000dead", AccessType: access.AccessOnly},
		); !errors.Is(err, gate.ErrNotFound) {
			t.Errorf("got error %v", err)
		}
		// Names are stored here only: SALTO received reads only.
		r.rename("front", "Front Door")
		r.ok(r.doors.Unlink(t.Context(), "front"))
		for _, q := range r.sim.Requests() {
			if q.Part == "api" && q.Method != "GET" {
				t.Errorf("a write: %s %s", q.Method, q.Path)
			}
		}
		if list, free, err := r.doors.List(t.Context()); err != nil || len(list) != 2 || len(free) != 6 {
			t.Errorf("got %d doors, %d free, %v", len(list), len(free), err)
		}
	})
}

func TestConfig(t *testing.T) {
	_, err := saltolocks.NewLocks(saltolocks.LocksConfig{})
	bad, ok := errors.AsType[*gate.ConfigError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, f := range bad.Faults {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"Client", "Remote", "Site"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// An outdated link causes one wrong code: SALTO does not block the user, and the other
// doors of the IQ keep working.
func TestOutdatedLink(t *testing.T) {
	for name, outdate := range map[string]func(r *fixture){
		"linked before the IQ required codes": func(r *fixture) {
			r.relink("front", func(l *gate.Link) { l.NeedsCode = false })
		},
		"the link names another IQ": func(r *fixture) {
			r.relink("front", func(l *gate.Link) { l.Gateway = r.site.IQs[1].ID })
		},
		"the lock was attached to another IQ": func(r *fixture) { r.sim.AttachLock(r.site.Locks[0].ID, r.site.IQs[1].ID) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				sibling := r.site.Locks[slices.IndexFunc(r.site.Locks, func(l saltokstest.Lock) bool { return l.Name == "Bicycle Store" })]
				_, err := r.doors.Link(t.Context(), gate.LinkRequest{Door: "shed", Lock: sibling.ID, AccessType: access.AccessOnly})
				r.ok(err)
				r.ok(r.store.PutGrant(t.Context(), "loft", gate.Grant{Grant: access.Grant{
					ID: "shed", Member: "ada", Door: "shed", Hours: access.Always(), RequiresMembership: new(false),
				}}))
				outdate(r)
				time.Sleep(time.Minute) // the codes of the activation are old ones
				r.want(r.do(access.Unlock, r.tap("front")), gate.Refused, gate.CauseLinkOutdated)
				for range 3 {
					r.want(r.do(access.Unlock, r.tap("front")), gate.NotSent, gate.CauseLinkOutdated)
				}
				if r.commands() != 1 {
					t.Errorf("%d commands", r.commands())
				}
				r.want(r.do(access.Unlock, r.tap("shed")), gate.Accepted, "")
				r.want(r.do(access.Unlock, r.tap("office")), gate.Accepted, "")
				_, err = r.doors.RefreshLinks(t.Context())
				r.ok(err)
				r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
			})
		})
	}
}

// Disconnect in one process ends the commands of another within 30 seconds.
func TestDisconnectInAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		other, err := saltoauth.NewAuthorizer(saltoauth.Config{
			Environment: saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API(), Events: r.sim.Events()},
			Credentials: saltoauth.Credentials{
				ClientID: r.sim.ClientID(), ClientSecret: saltoks.NewSecret(r.sim.ClientSecret()), RedirectURL: r.sim.RedirectURI(),
			},
			State: r.state, HTTPClient: r.sim.HTTPClient(), Now: r.sim.Now,
		})
		r.ok(err)
		r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
		_, err = other.Disconnect(t.Context(), r.conn.ID, saltoauth.AcknowledgeDisconnect)
		r.ok(err)
		time.Sleep(30*time.Second + 1)
		for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
			r.want(r.do(action, r.tap("front")), gate.NotSent, gate.CauseNotConnected)
		}
		if r.commands() != 1 {
			t.Errorf("%d commands", r.commands())
		}
	})
}

// TestCatalogUnderFaults: a list that cannot be read to its end is an error, and a lock
// that cannot be moved has a Problem.
func TestCatalogUnderFaults(t *testing.T) {
	for _, part := range []string{"/activated_iqs", "/iqs", "/locks"} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t, true)
			r.sim.Fault(saltokstest.HTML502, saltokstest.On(part), saltokstest.Count(-1))
			var last error
			for _, last = range r.locks.Locks(t.Context()) {
			}
			if !errors.Is(last, gate.ErrUnavailable) {
				t.Errorf("%s: %v", part, last)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		r.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(r.site.IQs[0].ID))
		for lock, err := range r.locks.Locks(t.Context()) {
			r.ok(err)
			if lock.Link.Lock == r.site.Locks[0].ID && lock.Problem != gate.CauseRestoreRequired {
				t.Errorf("problem %q", lock.Problem)
			}
		}
		for _, err := range r.locks.Locks(t.Context()) {
			r.ok(err)
			break
		}
	})
}
