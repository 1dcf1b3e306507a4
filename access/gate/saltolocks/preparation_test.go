package saltolocks_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestDoctorListsAllThatIsMissing: everything that is not prepared in SALTO KS is in one
// list, with what to do about it, and leaves the list when it is prepared.
func TestDoctorListsAllThatIsMissing(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		salto, user, site := h.sim.World().Sites[0].ID, h.sim.World().Users[0].Email, h.open()
		h.sim.SetPaid(salto, false)
		h.sim.SetReleased(salto, false)
		h.sim.RemoveMember(salto, user)
		h.sim.AddMember(salto, saltokstest.Member{User: user, Role: "site_user", RemoteAccess: new(false)})
		missing := func(want ...string) (issues []gate.Issue) {
			t.Helper()
			issues, err := site.Doctor(t.Context())
			h.ok(err)
			issues = slices.DeleteFunc(issues, func(i gate.Issue) bool { return i.Severity != gate.Critical })
			var got []string
			for _, i := range issues {
				if got = append(got, i.Code); i.What == "" || i.Breaks == "" || i.Do == "" {
					t.Errorf("%s does not describe what to do: %+v", i.Code, i)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			return issues
		}
		missing("not_connected")
		login, err := site.Auth.Begin(t.Context())
		h.ok(err)
		callback, err := h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		_, err = site.Complete(t.Context(), login, callback.Query())
		h.ok(err)
		missing("no_site")
		h.ok(site.LinkSite(t.Context(), saltoks.SiteID(salto)))
		all := missing("no_subscription", "site_not_released", "not_site_admin", "no_remote_access", "not_activated")
		role := all[slices.IndexFunc(all, func(i gate.Issue) bool { return i.Code == "not_site_admin" })]
		if !strings.Contains(role.What, "site_user") || !strings.Contains(role.Do, "Site admin") {
			t.Errorf("it does not name the role: %+v", role)
		}
		h.sim.SetPaid(salto, true)
		missing("site_not_released", "not_site_admin", "no_remote_access", "not_activated")
		h.sim.SetReleased(salto, true)
		h.sim.SetRemoteAccess(salto, user, true)
		missing("not_site_admin", "not_activated")
		h.sim.RemoveMember(salto, user)
		h.sim.AddMember(salto, saltokstest.Member{User: user})
		missing("not_activated")
		h.activate(site, user)
		missing()
		h.want(site, gate.Accepted, "")
	})
}

// TestTwoPeopleAreEnough: a site of SALTO KS needs its administrator and the platform's
// user, and no access group.
func TestTwoPeopleAreEnough(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site := h.open()
		h.connect(site, saltokstest.Allow())
		h.activate(site, h.sim.World().Users[0].Email)
		session, err := site.Session(t.Context())
		h.ok(err)
		people := 0
		for _, err := range session.Client.Users.All(t.Context(), session.Site) {
			h.ok(err)
			people++
		}
		for group, err := range session.Client.AccessGroups.All(t.Context(), session.Site) {
			t.Fatalf("the site has the access group %+v, %v", group, err)
		}
		if people > 2 {
			t.Fatalf("the site has %d users", people)
		}
		h.wantCritical(site)
		h.want(site, gate.Accepted, "")
	})
}

// TestOneUserIsConnected: while a site is connected, no other SALTO user takes its place,
// and every command is the connected user's.
func TestOneUserIsConnected(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site, salto, user := h.open(), h.sim.World().Sites[0].ID, h.sim.World().Users[0]
		other := h.sim.AddUser(saltokstest.User{Email: "two@harbour.example", Password: "Another-Word-3"})
		h.sim.AddMember(salto, saltokstest.Member{User: other.Email})
		h.connect(site, saltokstest.Allow())
		h.activate(site, user.Email)
		h.want(site, gate.Accepted, "")

		login, err := site.Auth.Begin(t.Context())
		h.ok(err)
		choice := saltokstest.Allow()
		choice.Email, choice.Password = other.Email, other.Password
		callback, err := h.sim.Consent(t.Context(), login.URL(), choice)
		h.ok(err)
		if _, err := site.Complete(t.Context(), login, callback.Query()); !errors.Is(err, saltoauth.ErrAlreadyConnected) {
			t.Fatalf("another user: %v", err)
		}
		status, err := site.Status(t.Context())
		h.ok(err)
		var subjects []string
		for c, err := range site.Auth.Connections(t.Context()) {
			h.ok(err)
			subjects = append(subjects, c.Subject)
		}
		if status.Subject != user.Subject || !slices.Equal(subjects, []string{user.Subject}) {
			t.Errorf("connected as %s, connections of %q; want %s alone", status.Subject, subjects, user.Subject)
		}
		h.want(site, gate.Accepted, "")
		for _, e := range h.sim.Entries(salto) {
			if e.By == "remote" && e.UserID != user.ID {
				t.Errorf("a command of another user: %+v", e)
			}
		}
	})
}

// TestForgottenActivationNeedsSupport: Disconnect loses nothing. Forget names the IQs
// first; afterwards the same user cannot activate them again.
func TestForgottenActivationNeedsSupport(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site, salto, user := h.open(), h.sim.World().Sites[0], h.sim.World().Users[0]
		disconnect := func() {
			t.Helper()
			_, err := site.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect)
			h.ok(err)
		}
		h.connect(site, saltokstest.Allow())
		h.activate(site, user.Email)
		h.want(site, gate.Accepted, "")
		disconnect()
		lost, err := site.Auth.NeedSupport(t.Context(), user.Subject)
		h.ok(err)
		want := saltoauth.ForgottenIQ{Site: saltoks.SiteID(salto.ID), IQ: saltoks.IQID(salto.IQs[0].ID), Name: salto.IQs[0].Name}
		if !slices.Equal(lost, []saltoauth.ForgottenIQ{want}) {
			t.Errorf("got %+v, want %+v", lost, want)
		}
		err = site.Auth.Forget(t.Context(), user.Subject, nil)
		if !errors.Is(err, saltoauth.ErrNotAcknowledged) || !strings.Contains(err.Error(), salto.IQs[0].Name) ||
			!strings.Contains(err.Error(), "SALTO's support") {
			t.Errorf("the IQs not named: %v", err)
		}
		h.connect(site, saltokstest.Allow())
		h.want(site, gate.Accepted, "")

		disconnect()
		h.ok(site.Auth.Forget(t.Context(), user.Subject, lost))
		h.connect(site, saltokstest.Allow())
		h.want(site, gate.Denied, gate.CauseIQNotActivated)
		h.wantCritical(site, "activated_elsewhere")
		session, err := site.Session(t.Context())
		h.ok(err)
		if state, err := session.Remote.Activation().Begin(t.Context(), session.Site, want.IQ); err == nil {
			t.Errorf("it could be activated again: %+v", state)
		}
		issues, err := site.Doctor(t.Context())
		h.ok(err)
		if !strings.Contains(issues[0].Do, "SALTO's support") {
			t.Errorf("Doctor does not name the support: %+v", issues[0])
		}
	})
}
