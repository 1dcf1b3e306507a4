package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// settings is the settings page of a host in memory.
type settings struct {
	*testing.T
	sim *saltokstest.Sim
	mux *http.ServeMux
}

func newSettings(t *testing.T) settings {
	t.Helper()
	t.Setenv("HOST_PASSWORD", "secret")
	sim, store := saltokstest.New(t, saltokstest.Config{}), memstore.New()
	site, err := saltolocks.Open(t.Context(), saltolocks.Config{
		Site:        siteID,
		Environment: saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()},
		Credentials: saltoauth.Credentials{
			ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()), RedirectURL: sim.RedirectURI(),
		},
		Consent: saltoauth.ConsentConfig{Authorize: manager, Done: "/setup"},
		Storage: store, State: saltostate.NewMemoryStore(), SealingKey: saltoks.NewSecret("k1:" + strings.Repeat("B", 43) + "="),
		HTTPClient: sim.HTTPClient(), Now: sim.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("POST /salto/connect", site.Consent.Connect())
	mux.Handle("POST /salto/reconnect", site.Consent.Reconnect())
	mux.Handle("GET /salto/callback", site.Consent.Callback())
	mux.Handle("/setup", setup{site, store})
	return settings{t, sim, mux}
}

func (s settings) send(method, where string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.Context(), method, where, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("manager", "secret")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

// step sends a form of the page, which leads back to the page.
func (s settings) step(name string, fields ...string) {
	s.Helper()
	form := url.Values{"step": {name}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	if w := s.send("POST", "/setup", form); w.Code != http.StatusSeeOther {
		s.Fatalf("%v: %d %s", form, w.Code, w.Body)
	}
}

// consent is the manager's browser at SALTO, and back.
func (s settings) consent(where string) {
	s.Helper()
	started := s.send("POST", where, nil)
	callback, err := s.sim.Consent(s.Context(), started.Header().Get("Location"), saltokstest.Allow())
	if err != nil {
		s.Fatalf("%s: %d %s: %v", where, started.Code, started.Body, err)
	}
	if w := s.send("GET", callback.RequestURI(), nil, started.Result().Cookies()...); w.Code != http.StatusSeeOther {
		s.Fatalf("callback: %d %s", w.Code, w.Body)
	}
}

// shows fails unless the page has each of the texts.
func (s settings) shows(texts ...string) {
	s.Helper()
	w := s.send("GET", "/setup", nil)
	for _, want := range texts {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			s.Errorf("%d, want %q on the page:\n%s", w.Code, want, w.Body)
		}
	}
}

// TestSetupRepairs uses the page after a reset of the IQ and after the end of the
// consent: each has a button.
func TestSetupRepairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSettings(t)
		salto, user := s.sim.World().Sites[0], s.sim.World().Users[0].Email
		iq := salto.IQs[0]
		s.consent("/salto/connect")
		s.step("site", "site", salto.ID)
		activate := func() {
			t.Helper()
			s.step("pin", "iq", iq.ID)
			s.step("confirm", "iq", iq.ID, "pin", s.sim.IQPIN(user))
			s.shows(iq.Name + ": ready")
		}
		activate()

		s.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(iq.ID))
		s.shows(iq.Name+": restore_required", ">Restore</button>")
		s.step("restore", "iq", iq.ID)
		s.shows(iq.Name + ": activation_lost")
		activate()

		time.Sleep(91 * 24 * time.Hour) // the clock of synctest: this takes no real time
		const reconnect = `<form method="post" action="/salto/reconnect">`
		s.shows("The permission at SALTO KS has ended", reconnect)
		s.step("pin", "iq", iq.ID) // of a page that was open
		s.shows(reconnect)
		s.consent("/salto/reconnect")
		s.shows(iq.Name+": ready", reconnect)
	})
}
