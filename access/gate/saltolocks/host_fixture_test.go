package saltolocks_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

const sealingKey = "k1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="

// host is a simulated SALTO KS and the configuration that all processes of a host
// share.
type host struct {
	*testing.T
	sim    *saltokstest.Sim
	store  *memstore.Store
	config saltolocks.Config
	n      int
	wire   *refusing // if the test sets it
}

// withHost runs a test in a synctest bubble, for a host with a door that is already
// linked, as after an earlier connection, and the member ada who may open it.
func withHost(t *testing.T, test func(*testing.T, *host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newHost(t)) })
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{T: t, sim: saltokstest.New(t, saltokstest.Config{}), store: memstore.New()}
	h.config = saltolocks.Config{
		Site:        "loft",
		Environment: saltoks.Environment{Name: "simulator", Issuer: h.sim.Issuer(), API: h.sim.API(), Events: h.sim.Events()},
		Credentials: saltoauth.Credentials{
			ClientID: h.sim.ClientID(), ClientSecret: saltoks.NewSecret(h.sim.ClientSecret()), RedirectURL: h.sim.RedirectURI(),
		},
		Storage: h.store, State: saltostate.NewMemoryStore(), SealingKey: saltoks.NewSecret(sealingKey),
		HTTPClient: h.sim.HTTPClient(), Now: h.sim.Now,
	}
	salto := h.sim.World().Sites[0]
	h.ok(h.store.PutDoor(t.Context(), "loft", gate.Door{
		Door: access.Door{ID: "front", Name: "Front", AccessType: access.AccessOnly},
		Link: gate.Link{Site: salto.ID, Lock: salto.Locks[0].ID, Gateway: salto.IQs[0].ID, NeedsCode: true},
	}))
	h.ok(h.store.PutRules(t.Context(), gate.Rules{
		Site:            access.Site{ID: "loft", TimeZone: "Europe/Amsterdam"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}},
	}))
	h.ok(h.store.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{
		ID: "ada", Memberships: []access.Membership{{ID: "m", Type: "resident"}},
	}}))
	return h
}

func (h *host) sleep(d time.Duration) { time.Sleep(d) }

func (h *host) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// open is one process of the host.
func (h *host) open(change ...func(*saltolocks.Config)) *saltolocks.Site {
	h.Helper()
	config := h.config
	for _, c := range change {
		c(&config)
	}
	site, err := saltolocks.Open(h.Context(), config)
	h.ok(err)
	return site
}

// connect consents as a user and chooses a site of SALTO KS.
func (h *host) connect(site *saltolocks.Site, choice saltokstest.ConsentChoice) {
	h.Helper()
	login, err := site.Auth.Begin(h.Context())
	h.ok(err)
	callback, err := h.sim.Consent(h.Context(), login.URL(), choice)
	h.ok(err)
	_, err = site.Complete(h.Context(), login, callback.Query())
	h.ok(err)
	h.ok(site.LinkSite(h.Context(), saltoks.SiteID(h.sim.World().Sites[0].ID)))
}

// activate activates the first IQ for the connected user.
func (h *host) activate(site *saltolocks.Site, email string) {
	h.Helper()
	s, err := site.Session(h.Context())
	h.ok(err)
	a, iq := s.Remote.Activation(), saltoks.IQID(h.sim.World().Sites[0].IQs[0].ID)
	_, err = a.Begin(h.Context(), s.Site, iq)
	h.ok(err)
	_, err = a.RequestPIN(h.Context(), s.Site, iq, saltoks.PINByMail)
	h.ok(err)
	pin, err := saltoks.ParseIQPIN(h.sim.IQPIN(email))
	h.ok(err)
	_, err = a.Confirm(h.Context(), s.Site, iq, pin)
	h.ok(err)
}

// unlock taps, later than the taps before.
func (h *host) unlock(site *saltolocks.Site) gate.Receipt {
	h.Helper()
	h.n++
	h.sleep(gate.ShareWithin + 5*time.Second) // the lock relocks
	r, err := site.Gate.Unlock(h.Context(), gate.Tap{
		RequestID: fmt.Sprintf("request-%010d", h.n), Member: "ada", Door: "front", TappedAt: h.sim.Now(),
	})
	h.ok(err)
	return r
}

func (h *host) want(site *saltolocks.Site, outcome gate.Outcome, cause gate.Cause) {
	h.Helper()
	if r := h.unlock(site); r.Outcome != outcome || r.Cause != cause {
		h.Fatalf("got %s, cause %q (%v); want %s, cause %q", r.Outcome, r.Cause, r.Err, outcome, cause)
	}
}

// critical returns the codes of the critical issues.
func (h *host) critical(site *saltolocks.Site) (codes []string) {
	h.Helper()
	issues, err := site.Doctor(h.Context())
	h.ok(err)
	for _, i := range issues {
		if i.Severity == gate.Critical {
			codes = append(codes, i.Code)
		}
	}
	return codes
}

func (h *host) wantCritical(site *saltolocks.Site, codes ...string) {
	h.Helper()
	if got := h.critical(site); !slices.Equal(got, codes) {
		h.Errorf("critical issues %q, want %q", got, codes)
	}
}
