package saltoauth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestLinkSite(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	w := d.sim.World()
	home, mole := w.Sites[0], w.Sites[1]
	if _, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(mole.ID)); !errors.Is(err, saltoauth.ErrSiteNotVisible) {
		t.Errorf("another one's site: %v", err)
	}
	if _, err := d.auth.LinkSite(t.Context(), c.ID, ""); !errors.Is(err, saltoauth.ErrSiteNotVisible) {
		t.Errorf("no site: %v", err)
	}
	if _, err := d.auth.LinkSite(t.Context(), "con-unknown", saltoks.SiteID(home.ID)); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Errorf("no connection: %v", err)
	}
	for _, id := range []string{home.ID, home.UID, strings.ToLower(home.UID)} {
		got, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(id))
		if err != nil || got.Site != saltoks.SiteID(home.ID) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	d.store.fail = "/connection/"
	if got, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(home.ID)); err == nil || got != (saltoauth.Connection{}) {
		t.Errorf("the store failed: %+v, %v", got, err)
	}
	d.store.fail = ""
	s, err := d.auth.Status(t.Context(), c.ID)
	if err != nil || s.Summary(d.sim.Now()) != "Connected. Site linked." {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestLinkOneOfSeveralSites: of the sites that the user can see, the one that was chosen
// is linked, wherever it is in SALTO's list; another one may be chosen later.
func TestLinkOneOfSeveralSites(t *testing.T) {
	d := newHost(t)
	user := d.sim.World().Users[0].Email
	for _, name := range []string{"Quay House", "Attic House"} {
		d.sim.AddSite(saltokstest.Site{Name: name, Members: []saltokstest.Member{{User: user}}})
	}
	c := d.connect()
	names, err := d.sites(c)
	if err != nil || len(names) != 3 {
		t.Fatalf("the user sees %q, %v", names, err)
	}
	for _, site := range d.sim.World().Sites {
		if !slices.Contains(names, site.Name) {
			continue // another user's
		}
		for _, id := range []string{site.ID, site.UID} {
			linked, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(id))
			if err != nil || linked.Site != saltoks.SiteID(site.ID) {
				t.Errorf("%s: %+v, %v", site.Name, linked, err)
			}
			read, err := d.auth.Connection(t.Context(), c.ID)
			if err != nil || read != linked || read.Subject != c.Subject {
				t.Errorf("%s: stored as %+v, %v", site.Name, read, err)
			}
		}
	}
}

// TestStatusSummary walks through the life of a consent.
func TestStatusSummary(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	summary := func(want string) {
		t.Helper()
		s, err := d.auth.Status(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Summary(d.sim.Now()); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	summary("Choose the site")
	d.sim.Clock().Advance(76 * 24 * time.Hour)
	summary("reconnect soon")
	d.sim.Fault(saltokstest.IdentityOutage)
	if _, err := d.sites(c); err == nil {
		t.Error("works without an identity server")
	} else if e, ok := errors.AsType[*saltoauth.IdentityError](err); !ok || !e.Temporary() {
		t.Errorf("%v", err)
	}
	summary("does not answer")
	d.sim.ClearFaults()
	d.sim.Clock().Advance(time.Minute)
	if _, err := d.sites(c); err != nil {
		t.Error(err)
	}
	summary("reconnect soon")
	d.sim.Clock().Advance(15 * 24 * time.Hour) // day 91
	if _, err := d.sites(c); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Errorf("day 91: %v", err)
	}
	summary("no longer accepts")
}
