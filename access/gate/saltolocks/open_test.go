package saltolocks_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// TestConnectingChangesOpenSites: two processes start unconnected. Connecting, choosing
// the site, disconnecting and connecting as another user apply to both.
func TestConnectingChangesOpenSites(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		first, second := h.open(), h.open()
		user, other := h.sim.World().Users[0], h.sim.AddUser(saltokstest.User{Email: "two@harbour.example", Password: "Another-Word-3"})
		h.sim.AddMember(h.sim.World().Sites[0].ID, saltokstest.Member{User: other.Email})

		for _, site := range []*saltolocks.Site{first, second} {
			r := h.unlock(site)
			if r.Outcome != gate.NotSent || r.Cause != gate.CauseNotConnected || !strings.Contains(r.Message(), "not connected") {
				t.Fatalf("%s, cause %q: %s", r.Outcome, r.Cause, r.Message())
			}
			h.wantCritical(site, "not_connected")
			issues, err := site.Doctor(t.Context())
			h.ok(err)
			if slices.ContainsFunc(issues, func(i gate.Issue) bool { return i.Code == "not_checked" }) {
				t.Errorf("more than one issue: %+v", issues)
			}
			if _, err := site.Session(t.Context()); !errors.Is(err, saltoauth.ErrNotConnected) {
				t.Errorf("Session: %v", err)
			}
		}
		h.connect(first, saltokstest.Allow())
		h.activate(first, user.Email)
		h.want(first, gate.Accepted, "")
		h.sleep(30 * time.Second)
		h.want(second, gate.Accepted, "")
		h.wantCritical(second)

		_, err := second.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect)
		h.ok(err)
		h.want(second, gate.NotSent, gate.CauseNotConnected)
		h.sleep(30 * time.Second)
		h.want(first, gate.NotSent, gate.CauseNotConnected)

		h.connect(second, saltokstest.ConsentChoice{Email: other.Email, Password: other.Password, FullAccess: true, OfflineAccess: true})
		h.want(second, gate.Denied, gate.CauseIQNotActivated)
		h.activate(second, other.Email)
		h.want(second, gate.Accepted, "")
		h.sleep(30 * time.Second)
		h.want(first, gate.Accepted, "")
		if commands := h.sim.Commands(); len(commands) != 4 {
			t.Errorf("%d commands, want 4", len(commands))
		}
	})
}

// TestOpenWhileSALTOIsDown: a site opens without SALTO, and works when SALTO is back.
func TestOpenWhileSALTOIsDown(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		before := h.open()
		h.connect(before, saltokstest.Allow())
		h.activate(before, h.sim.World().Users[0].Email)
		h.sim.Clock().Advance(2 * time.Hour) // the access token has expired
		down := true
		h.config.HTTPClient = &http.Client{Transport: refusing{h.sim.HTTPClient().Transport, func(*http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("dial tcp: no route to host")
			}
			return nil, nil
		}}}
		site := h.open()
		h.want(site, gate.NotSent, gate.CauseCloudUnavailable)
		h.wantCritical(site, "cloud_unavailable")
		down = false
		h.want(site, gate.Accepted, "")
	})
}

// TestSessionOutlivesItsStore: while State cannot be read, a connected process
// continues as long as its tokens do, and an unconnected one names the cause.
func TestSessionOutlivesItsStore(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		down, hangs := false, false
		right := h.config.State
		h.config.State = &statetest.FaultyStore{Store: right, OnGet: func(ctx context.Context, key string) ([]byte, error) {
			switch {
			case hangs:
				<-ctx.Done()
				return nil, ctx.Err()
			case down:
				return nil, errors.New("no database")
			}
			return right.Get(ctx, key)
		}}
		site := h.open()
		h.connect(site, saltokstest.Allow())
		h.activate(site, h.sim.World().Users[0].Email)
		h.want(site, gate.Accepted, "")
		late := h.open()
		down = true
		h.sleep(time.Minute)
		_, err := site.Session(t.Context())
		h.ok(err)
		h.want(late, gate.NotSent, gate.CauseStoreUnavailable)
		hangs = true
		h.sleep(time.Minute)
		began := time.Now()
		_, err = site.Session(t.Context())
		h.ok(err)
		if took := time.Since(began); took > time.Second {
			t.Errorf("a member waited %v for the store", took)
		}
		down, hangs = false, false
		h.sleep(2 * time.Second)
		h.want(late, gate.Accepted, "")
	})
}

// TestOpenWithPassword: a token source replaces the consent.
func TestOpenWithPassword(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		user := h.sim.World().Users[0]
		tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
			Environment: h.config.Environment, Credentials: h.config.Credentials, User: user.Email,
			Password: saltoauth.FixedPassword(saltoks.NewSecret(user.Password)), HTTPClient: h.config.HTTPClient, Now: h.sim.Now,
		})
		h.ok(err)
		site := h.open(func(c *saltolocks.Config) {
			c.Credentials, c.Tokens, c.SaltoSite = saltoauth.Credentials{}, tokens, saltoks.SiteID(h.sim.World().Sites[0].ID)
		})
		h.activate(site, user.Email)
		h.want(site, gate.Accepted, "")
		h.wantCritical(site)
		status, err := site.Status(t.Context())
		h.ok(err)
		if status.State != saltoauth.ConnectionActive || status.Site == "" {
			t.Errorf("status %+v", status)
		}
		var config *gate.ConfigError
		if _, err := site.Complete(t.Context(), saltoauth.Login{}, nil); !errors.As(err, &config) {
			t.Errorf("Complete: %v", err)
		}
		if _, err := site.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect); !errors.As(err, &config) {
			t.Errorf("Disconnect: %v", err)
		}
		if err := site.LinkSite(t.Context(), "x"); !errors.As(err, &config) {
			t.Errorf("LinkSite: %v", err)
		}

		h.sim.Fault(saltokstest.ClientSecretChanged)
		h.sim.Clock().Advance(2 * time.Hour)
		h.want(site, gate.NotSent, gate.CauseClientRefused)
		h.wantCritical(site, "client_refused")
	})
}

// TestOpenWithOwnTables: members may be in the host's own tables.
func TestOpenWithOwnTables(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		own := memstore.New()
		rules, err := h.store.Rules(t.Context(), "loft")
		h.ok(err)
		rules.Version = 0
		h.ok(own.PutRules(t.Context(), rules))
		h.ok(h.store.DeleteMember(t.Context(), "loft", "ada"))
		site := h.open(func(c *saltolocks.Config) { c.Members = own })
		h.connect(site, saltokstest.Allow())
		h.activate(site, h.sim.World().Users[0].Email)
		h.want(site, gate.Denied, "") // ada is in neither
		h.ok(own.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{
			ID: "ada", Memberships: []access.Membership{{ID: "m", Type: "resident"}},
		}}))
		h.want(site, gate.Accepted, "")
		h.wantCritical(site)
	})
}

// TestSitesShareAConnection: two sites use one consent, each for its own site of SALTO
// KS.
func TestSitesShareAConnection(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		second := h.sim.AddSite(saltokstest.Site{
			Name: "Quay House", Members: []saltokstest.Member{{User: h.sim.World().Users[0].Email}},
			IQs: []saltokstest.IQ{{Name: "IQ Quay", WithoutOTP: true}}, Locks: []saltokstest.Lock{{Name: "Quay Door"}},
		})
		loft := h.open(func(c *saltolocks.Config) {
			c.Connection, c.SaltoSite = "company", saltoks.SiteID(h.sim.World().Sites[0].ID)
		})
		quay, err := saltolocks.Open(t.Context(), saltolocks.Config{
			Site: "quay", SaltoSite: saltoks.SiteID(second.ID), ShareWith: loft, Storage: h.store, Now: h.sim.Now,
		})
		h.ok(err)
		login, err := quay.Auth.Begin(t.Context())
		h.ok(err)
		callback, err := h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		_, err = quay.Complete(t.Context(), login, callback.Query())
		h.ok(err)
		door, err := quay.Doors.Link(t.Context(), gate.LinkRequest{Door: "quay", Lock: second.Locks[0].ID, AccessType: access.AccessOnly})
		h.ok(err)
		if door.Link.Site != second.ID {
			t.Errorf("linked to site %s, want %s", door.Link.Site, second.ID)
		}
		if _, err := loft.Doors.Link(t.Context(), gate.LinkRequest{
			Door: "quay", Lock: second.Locks[0].ID, AccessType: access.AccessOnly,
		}); !errors.Is(err, gate.ErrNotFound) {
			t.Errorf("a lock of the other site: %v", err)
		}

		// A second consent for the same name is undone.
		login, err = quay.Auth.Begin(t.Context())
		h.ok(err)
		callback, err = h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		if _, err := quay.Complete(t.Context(), login, callback.Query()); !errors.Is(err, saltoauth.ErrAlreadyConnected) {
			t.Errorf("another connection: %v", err)
		}
		connections := 0
		for _, err := range loft.Auth.Connections(t.Context()) {
			h.ok(err)
			connections++
		}
		if connections != 1 {
			t.Errorf("%d connections, want 1", connections)
		}
	})
}

// TestConsentOfASite: the handlers of a site connect it, and only for its own tenant.
func TestConsentOfASite(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		tenant := "another"
		site := h.open(func(c *saltolocks.Config) {
			c.Consent.Authorize, c.Consent.Done = func(*http.Request) (string, error) { return tenant, nil }, "/settings"
		})
		press := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			site.Consent.Connect().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/salto/connect", nil))
			return w
		}
		if w := press(); w.Code != http.StatusForbidden {
			t.Errorf("the manager of another tenant: %d", w.Code)
		}
		tenant = "loft"
		started := press()
		callback, err := h.sim.Consent(t.Context(), started.Header().Get("Location"), saltokstest.Allow())
		h.ok(err)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, callback.String(), nil)
		for _, c := range started.Result().Cookies() {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.Consent.Callback().ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/settings" {
			t.Fatalf("the callback: %d %s", w.Code, w.Body)
		}
		s, err := site.Session(t.Context())
		h.ok(err)
		if s.Client == nil || s.Site != "" {
			t.Errorf("session %+v", s)
		}
		h.want(site, gate.NotSent, gate.CauseNotConnected)
		h.wantCritical(site, "no_site")
		h.ok(site.LinkSite(t.Context(), saltoks.SiteID(h.sim.World().Sites[0].ID)))
		h.want(site, gate.Denied, gate.CauseIQNotActivated)
		if w := press(); w.Code != http.StatusConflict {
			t.Errorf("connecting again: %d", w.Code)
		}
	})
}
