package main

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestMove(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().activate()
	lock := f.site().Locks[0]
	for i, c := range []struct{ command, state, text string }{
		{"unlock", "unlocked", "opened once"},
		{"office-mode", "office_mode", "stays unlocked"},
		{"lock", "locked", "is locked"},
	} {
		contains(t, f.ok(c.command, "main entrance"), "Main Entrance is ", c.text)
		if state, n := f.sim.LockState(lock.ID), f.sim.Movements(lock.ID); state != c.state || n != i+1 {
			t.Errorf("%s: the lock is %s after %d movements", c.command, state, n)
		}
	}
	got := decode[struct {
		Lock     string
		Command  string
		Accepted bool
	}](t, f.ok("unlock", lock.ID, "-json"))
	if !got.Accepted || got.Lock != lock.ID || got.Command != "unlock" {
		t.Errorf("unlock -json: %+v", got)
	}
}

func TestMoveBadInput(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	lock := f.site().Locks[0]
	moved := f.sim.Movements(lock.ID)
	f.fails(exitUsage, []string{"unlock", "Main Entrnce"}, `there is no lock "Main Entrnce", did you mean "Main Entrance"?`)
	f.fails(exitUsage, []string{"unlock", "Q"}, "there are 4: Main Entrance, Office Four")
	f.fails(exitUsage, []string{"office-mode"}, "usage: ks office-mode LOCK")
	f.fails(exitUsage, []string{"unlock", "a", "b"}, "usage: ks unlock LOCK")
	f.fails(exitPerson, []string{"unlock", lock.Name}, "not activated: run ks activate")
	f.activate()
	f.sim.AddLock(f.site().ID, saltokstest.Lock{Name: "Attic", IQ: "none"})
	f.fails(exitPerson, []string{"unlock", "attic"}, "attached to no IQ")
	f.sim.AddLock(f.site().ID, saltokstest.Lock{Name: "Office Four", ID: "0c7f0966-27be-4ef6-aa7a-592d975e90fe"})
	f.fails(exitUsage, []string{"unlock", "office four"}, "2 of the locks are named", "use the id")
	f.sim.SetRemoteAccess(f.site().ID, f.user().Email, false)
	f.fails(exitFailed, []string{"unlock", lock.Name}, "remote access", "ks preflight")
	f.sim.SetRemoteAccess(f.site().ID, f.user().Email, true)
	f.sim.SetReleased(f.site().ID, false)
	f.fails(exitFailed, []string{"unlock", lock.Name}, "not released")
	f.sim.SetReleased(f.site().ID, true)
	f.sim.Fault(saltokstest.OTPBlocked)
	f.fails(exitFailed, []string{"unlock", lock.Name}, "wait 21 minutes")
	if n := f.sim.Movements(lock.ID); n != moved {
		t.Errorf("%d movements", n-moved)
	}
}

// An answer that is lost is not repeated, and has an exit code of its own.
func TestMoveUnconfirmed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().activate()
	lock := f.site().Locks[0]
	f.sim.Fault(saltokstest.AnswerLostAfterMove)
	f.fails(exitUnconfirmed, []string{"unlock", lock.Name}, "it is not known whether the command was carried out", "ks entries")
	if n := f.sim.Movements(lock.ID); n != 1 {
		t.Errorf("%d movements, want 1", n)
	}
}

// The consent has ended: the error of every command names the fix.
func TestReauthorize(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{Switches: saltokstest.Switches{AccessLifetime: 3 * time.Second}}).login()
	f.sim.Clock().Advance(91 * 24 * time.Hour)
	for range 100 { // a token of a moment ago is not renewed yet
		p := f.start("sites")
		if code := p.wait(); code == exitPerson {
			contains(t, p.stderr.String(), "SALTO ended the consent: run ks login again")
			return
		}
	}
	t.Error("no command reported that the consent has ended")
}
