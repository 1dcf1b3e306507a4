package main

import (
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func (f *fixture) preflight(code int, more ...string) map[string]string {
	f.t.Helper()
	args := append([]string{
		"preflight", "-json", "-environment", f.sim.URL(), "-client-id", f.sim.ClientID(), "-redirect", f.sim.RedirectURI(),
	}, more...)
	out, _ := f.run(code, "", args...)
	results := map[string]string{}
	for _, c := range decode[[]check](f.t, out) {
		results[c.What] = c.Result
	}
	return results
}

// result returns the result of the check whose text begins with what.
func resultOf(t *testing.T, results map[string]string, what string) string {
	t.Helper()
	for text, result := range results {
		if len(text) >= len(what) && text[:len(what)] == what {
			return result
		}
	}
	t.Fatalf("there is no check %q", what)
	return ""
}

func TestPreflightBeforeLogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	got := f.preflight(exitPerson, "-confirm", "all")
	for what, want := range map[string]string{
		"The identity server": checkOK, "The Connect API": checkOK, "SALTO knows the client id": checkOK,
		"The consent, the SALTO user": checkUnknown, "This SALTO user belongs": checkOK,
	} {
		if r := resultOf(t, got, what); r != want {
			t.Errorf("%s: %s, want %s", what, r, want)
		}
	}
	if r := resultOf(t, f.preflight(exitPerson, "-redirect", "http://127.0.0.1:1/other"), "SALTO knows"); r != checkProblem {
		t.Errorf("a callback URL that is not registered: %s", r)
	}
	if r := resultOf(t, f.preflight(exitPerson, "-client-id", "other"), "SALTO knows"); r != checkProblem {
		t.Errorf("an unknown client id: %s", r)
	}
	if r := resultOf(t, f.preflight(exitPerson, "-api", f.sim.URL()+"/elsewhere"), "The Connect API"); r != checkProblem {
		t.Errorf("a wrong API: %s", r)
	}
	f.sim.Fault(saltokstest.Redirect307, saltokstest.On("/connect/authorize"), saltokstest.Target(f.sim.RedirectURI()+"?error=invalid_scope"))
	if r := resultOf(t, f.preflight(exitPerson), "SALTO knows"); r != checkProblem {
		t.Errorf("a scope that is not allowed: %s", r)
	}
	f.fails(exitUsage, []string{"preflight"}, "-environment is missing")
	f.fails(exitUsage, []string{"preflight", "-confirm", "0"}, "is not a number from 1 to")
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	if r := resultOf(t, f.preflight(exitPerson, "-confirm", "all"), "The IQ IQ Ground Floor can be commanded"); r != checkProblem {
		t.Errorf("an IQ that is not activated: %s", r)
	}
	f.activate()
	out, stderr := f.run(exitPerson, "", "preflight")
	contains(t, out, "ok ", "question", "1.", "9.", "SALTO has switched on remote opening")
	contains(t, stderr, "0 problems and 8 open questions")
	contains(t, f.ok("preflight", "-confirm", "1,2,3,4,5,7,8,9"), "The user is site admin.")

	f.sim.SetRemoteAccess(f.site().ID, f.user().Email, false)
	f.sim.SetReleased(f.site().ID, false)
	f.sim.SetPaid(f.site().ID, false)
	f.sim.SetIQOnline(f.site().IQs[0].ID, false)
	f.sim.DetachLock(f.site().Locks[0].ID)
	f.sim.SetLockOnline(f.site().Locks[1].ID, false)
	got := f.preflight(exitPerson, "-confirm", "all")
	for _, what := range []string{
		"The user may open remotely", "The installer has released", "The site has a valid subscription", "The IQ IQ Ground Floor is online",
		"Every lock is attached", "Every lock is online",
	} {
		if r := resultOf(t, got, what); r != checkProblem {
			t.Errorf("%s: %s", what, r)
		}
	}
}

// A consent that has ended is a problem, and the other checks are still printed.
func TestPreflightConsentEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{Switches: saltokstest.Switches{AccessLifetime: 3 * time.Second}}).login()
	f.sim.Clock().Advance(91 * 24 * time.Hour)
	for range 100 { // a token of a moment ago is not renewed yet
		got := f.preflight(exitPerson, "-confirm", "all")
		if r := resultOf(t, got, "The identity server"); r != checkOK {
			t.Errorf("the identity server: %s", r)
		}
		for what, result := range got {
			if strings.Contains(what, "SALTO ended the consent: run ks login again") && result == checkProblem {
				return
			}
		}
	}
	t.Error("preflight did not report that the consent has ended")
}

func TestPreflightUser(t *testing.T) {
	t.Parallel()
	world := saltokstest.DefaultWorld()
	world.Users[0].Phone = ""
	world.Sites[0].Members = []saltokstest.Member{{User: world.Users[0].Email, Role: "site_user", ManualOfficeMode: new(false)}}
	world.Sites[0].IQs, world.Sites[0].Locks = []saltokstest.IQ{}, []saltokstest.Lock{}
	f := newFixture(t, saltokstest.Config{World: world}).login()
	got := f.preflight(exitPerson, "-confirm", "all")
	for _, what := range []string{
		"The SALTO user has a phone", "The user is site admin", "The user may start office mode", "The site has IQs", "The site has locks",
	} {
		if r := resultOf(t, got, what); r != checkProblem {
			t.Errorf("%s: %s", what, r)
		}
	}
}
