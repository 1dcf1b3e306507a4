package main

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().activate()
	contains(t, f.ok("doctor", "-codes"), "No problem found at Harbour House.")
	if got := decode[[]any](t, f.ok("doctor", "-json")); len(got) != 0 {
		t.Errorf("doctor -json: %v", got)
	}
	f.sim.SetBattery(f.site().Locks[0].ID, "critical")
	contains(t, f.ok("doctor"), "warning", "Main Entrance", "Change the batteries.")

	f.sim.SetRemoteAccess(f.site().ID, f.user().Email, false)
	f.sim.Fault(saltokstest.AppRotatedSecret)
	out, stderr := f.run(exitPerson, "", "doctor", "-codes", "-json")
	codes := map[string]bool{}
	for _, i := range decode[[]struct{ Code, Severity string }](t, out) {
		codes[i.Code+" "+i.Severity] = true
	}
	if !codes["no_remote_access critical"] || !codes["app_login critical"] || !codes["battery_low warning"] {
		t.Errorf("doctor found %v", codes)
	}
	contains(t, stderr, "are critical")
	f.fails(exitUsage, []string{"doctor", "-site", "Moon"}, "there is no site")
	f.fails(exitUsage, []string{"doctor", "it"}, "usage: ks doctor")
}
