package main

import (
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestLists(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	f.sim.RenameLock(f.site().Locks[1].ID, "Office \x1b[31m4")
	contains(t, f.ok("sites"), "Harbour House", "NL0417263859", "released", f.site().ID)
	contains(t, f.ok("iqs"), "IQ Ground Floor", "not_activated", f.site().IQs[1].ID)
	locks := f.ok("locks")
	contains(t, locks, "Main Entrance", "fresh", "IQ First Floor", "Office ?[31m4")
	lines := strings.Split(locks, "\n")
	if column := strings.Index(lines[0], "STATE"); column < 0 || strings.Index(lines[1], "locked") != column {
		t.Errorf("the columns are not aligned:\n%s", locks)
	}
	type named struct {
		ID   string
		Name string `json:"customer_reference"`
	}
	first := named{f.site().Locks[0].ID, "Main Entrance"}
	if got := decode[[]named](t, f.ok("locks", "-json")); len(got) != 4 || got[0] != first {
		t.Errorf("locks -json: %+v", got)
	}
	if got := decode[[]named](t, f.ok("sites", "-json")); len(got) != 1 || got[0].ID != f.site().ID {
		t.Errorf("sites -json: %+v", got)
	}
	if got := decode[[]struct{ Finding string }](t, f.ok("iqs", "-json")); len(got) != 2 || got[0].Finding != "not_activated" {
		t.Errorf("iqs -json: %+v", got)
	}
	for _, site := range []string{f.site().ID, "nl0417263859", "harbour house"} {
		contains(t, f.ok("locks", "-site", site), "Main Entrance")
	}
}

func TestListsBadInput(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	f.fails(exitUsage, []string{"locks", "-site", "harbor house"}, `there is no site "harbor house", did you mean "Harbour House"?`)
	f.fails(exitUsage, []string{"iqs", "-site", "Moon"}, `there is no site "Moon"; there are 1: Harbour House`)
	f.fails(exitUsage, []string{"sites", "-site", "x"}, "ks sites -h lists the flags")
	f.fails(exitUsage, []string{"lock"}, "usage: ks lock LOCK [flags]")
	f.fails(exitUsage, []string{"unlok", "x"}, `there is no command "unlok", did you mean "unlock"`)
	f.fails(exitUsage, nil, "a command is missing")
	second := f.sim.AddSite(saltokstest.Site{Name: "Second", Members: []saltokstest.Member{{User: f.user().Email}}})
	f.fails(exitUsage, []string{"locks"}, "2 sites (Harbour House, Second): add -site")
	f.fails(exitPerson, []string{"activate", "-site", "second"}, "the site has no IQ")
	contains(t, f.ok("iqs", "-site", second.ID), "no IQ")
	contains(t, f.ok("locks", "-site", second.ID), "no locks")
	for _, s := range f.sim.World().Sites {
		f.sim.RemoveMember(s.ID, f.user().Email)
	}
	f.fails(exitPerson, []string{"locks"}, "on no site", "Site admin")
	contains(t, f.ok("sites"), "on no site")
	f.fails(exitPerson, []string{"sites", "-environment", "acceptance"}, "not logged in to acceptance: run ks login -environment acceptance")
}

// Two environments are two folders; without -environment ks asks which one.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	first := f.sim.URL()
	other := newFixture(t, saltokstest.Config{})
	other.home = f.home
	other.login()
	f.fails(exitUsage, []string{"sites"}, "several environments", "add -environment")
	contains(t, f.ok("sites", "-environment", first), "Harbour House")
	f.env = append(f.env, "KS_ENVIRONMENT="+first)
	contains(t, f.ok("sites"), "Harbour House")
}

func TestHelp(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	contains(t, f.ok("-h"), "Exit codes", "KS_CLIENT_SECRET")
	for _, c := range commands() {
		help := f.ok(c.name, "-h")
		contains(t, help, "usage: ks "+c.name, "-environment", "-json")
		contains(t, f.ok("help"), "  "+c.name, c.short)
		for line := range strings.Lines(c.long) {
			if len(line) > 100 {
				t.Errorf("%s: the help text has a line of %d characters", c.name, len(line))
			}
		}
	}
}
