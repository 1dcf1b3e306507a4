package saltoauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// recordingStore counts documents, and fails or hangs at the calls that a test selects.
type recordingStore struct {
	statetest.FaultyStore
	mu   sync.Mutex
	keys map[string]bool
	fail string // an Update of a key with this part fails
	hang string // from an Update of a key with this part on, all wait until their contexts end
}

func newRecordingStore() *recordingStore {
	s := &recordingStore{keys: map[string]bool{}}
	s.Store, s.OnUpdate = saltostate.NewMemoryStore(), s.update
	return s
}

func (s *recordingStore) update(ctx context.Context, key string, fn statetest.UpdateFunc) error {
	s.mu.Lock()
	hangs := s.hang != "" && strings.Contains(key, s.hang)
	if hangs {
		s.hang = "/"
	}
	s.mu.Unlock()
	if hangs {
		return faulttest.Until(ctx)
	}
	return s.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.fail != "" && strings.Contains(key, s.fail) {
			return nil, errors.New("disk full")
		}
		if s.keys[key] = true; next == nil {
			delete(s.keys, key)
		}
		return next, nil
	})
}

func (s *recordingStore) documents() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// hostFixture is an application with a simulated SALTO.
type hostFixture struct {
	t      *testing.T
	sim    *saltokstest.Sim
	env    saltoks.Environment
	store  *recordingStore
	sealer saltostate.Sealer
	state  *saltostate.State
	auth   *saltoauth.Authorizer
	log    strings.Builder
}

// twoUsers is the default world with a second admin, and a third user on a
// site of their own.
func twoUsers() saltokstest.World {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users,
		saltokstest.User{Email: "other@quay.example", Password: "planted-password-2", FirstName: "Other"},
		saltokstest.User{Email: "third@mole.example", Password: "planted-password-3", FirstName: "Third"})
	w.Sites[0].Members = []saltokstest.Member{{User: w.Users[0].Email}, {User: w.Users[1].Email}}
	w.Sites = append(w.Sites, saltokstest.Site{Name: "Mole House", UID: "NL0000000077",
		Members: []saltokstest.Member{{User: "third@mole.example"}},
		IQs:     []saltokstest.IQ{{Name: "IQ Mole"}}, Locks: []saltokstest.Lock{{Name: "Mole Door"}}})
	return w
}

func newHost(t *testing.T) *hostFixture {
	t.Helper()
	return newHostOf(t, saltokstest.Config{World: twoUsers()})
}

func newHostOf(t *testing.T, cfg saltokstest.Config) *hostFixture {
	t.Helper()
	d := &hostFixture{t: t, sim: saltokstest.New(t, cfg), store: newRecordingStore(),
		sealer: saltostate.EphemeralSealer()}
	d.env = saltoks.Environment{Name: "simulator", Issuer: d.sim.Issuer(), API: d.sim.API()}
	d.restart()
	return d
}

// restart makes the authorizer again, on the store with the sealer.
func (d *hostFixture) restart() {
	d.t.Helper()
	var err error
	if d.state, err = saltostate.New(saltostate.Config{Store: d.store, Sealer: d.sealer}); err != nil {
		d.t.Fatal(err)
	}
	if d.auth, err = saltoauth.NewAuthorizer(d.config()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *hostFixture) config() saltoauth.Config {
	return saltoauth.Config{
		Environment: d.env, Credentials: d.creds(), State: d.state,
		HTTPClient: d.sim.HTTPClient(), Now: d.sim.Now, Logger: slog.New(slog.NewTextHandler(&d.log, nil)),
	}
}

func (d *hostFixture) creds() saltoauth.Credentials {
	return saltoauth.Credentials{
		ClientID: d.sim.ClientID(), ClientSecret: saltoks.NewSecret(d.sim.ClientSecret()), RedirectURL: d.sim.RedirectURI(),
	}
}

func (d *hostFixture) passwordConfig(password saltoauth.PasswordFunc) saltoauth.PasswordConfig {
	c := d.config()
	return saltoauth.PasswordConfig{
		Environment: c.Environment, Credentials: c.Credentials, User: d.sim.World().Users[0].Email, Password: password,
		HTTPClient: c.HTTPClient, Now: c.Now, Logger: c.Logger,
	}
}

// callback lets a user consent and returns what SALTO sends back.
func (d *hostFixture) callback(l saltoauth.Login, c saltokstest.ConsentChoice) url.Values {
	d.t.Helper()
	return d.callbackFrom(l.URL(), c)
}

func (d *hostFixture) callbackFrom(page string, c saltokstest.ConsentChoice) url.Values {
	d.t.Helper()
	u, err := d.sim.Consent(d.t.Context(), page, c)
	if err != nil {
		d.t.Fatal(err)
	}
	return u.Query()
}

func (d *hostFixture) begin() saltoauth.Login {
	d.t.Helper()
	l, err := d.auth.Begin(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return l
}

func (d *hostFixture) connect() saltoauth.Connection {
	d.t.Helper()
	l := d.begin()
	c, err := d.auth.Complete(d.t.Context(), l, d.callback(l, saltokstest.Allow()))
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func (d *hostFixture) as(email string) saltokstest.ConsentChoice {
	for _, u := range d.sim.World().Users {
		if u.Email == email {
			c := saltokstest.Allow()
			c.Email, c.Password = u.Email, u.Password
			return c
		}
	}
	d.t.Fatalf("no user %s", email)
	return saltokstest.ConsentChoice{}
}

// sites calls the API with the connection's token.
func (d *hostFixture) sites(c saltoauth.Connection) (names []string, err error) {
	d.t.Helper()
	client, err := saltoks.NewClient(saltoks.Config{Environment: d.env, Tokens: d.auth.Tokens(c), HTTPClient: d.sim.HTTPClient()})
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close(context.Background())
	for s, err := range client.Sites.All(d.t.Context()) {
		if err != nil {
			return nil, err
		}
		names = append(names, s.Name)
	}
	return names, nil
}

// tokenRequests counts requests to the token endpoint.
func (d *hostFixture) tokenRequests() int {
	n := 0
	for _, r := range d.sim.Requests() {
		if r.Method == "POST" && strings.HasSuffix(r.Path, "/connect/token") {
			n++
		}
	}
	return n
}
