package saltoremote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// fixture is a simulator with one SALTO user's Remote on it. More Remotes on the
// same fixture are more processes of one installation, or another one.
type fixture struct {
	t      *testing.T
	sim    *saltokstest.Sim
	tokens *simTokens
	client *saltoks.Client
	store  *countingStore
	state  *saltostate.State
	remote *Remote
	act    *Activation

	site   saltoks.SiteID
	iq     saltoks.IQID
	target Target
}

// testSealer is the one sealer of all fixtures: they share stores.
var testSealer = sync.OnceValue(saltostate.EphemeralSealer)

func newFixture(t *testing.T) *fixture { return newFixtureWith(t, saltokstest.Config{}) }

func newFixtureWith(t *testing.T, cfg saltokstest.Config) *fixture {
	t.Helper()
	sim := saltokstest.New(t, cfg)
	world := sim.World()
	site := world.Sites[0]
	r := &fixture{t: t, sim: sim, tokens: &simTokens{sim: sim, user: world.Users[0]}, site: saltoks.SiteID(site.ID)}
	r.client = r.newClient()
	r.store = newCountingStore()
	r.state = r.newState(r.store)
	r.remote = r.newRemote(r.client, r.state)
	r.act = r.remote.Activation()
	lock := site.Locks[0]
	target, err := r.remote.Target(t.Context(), r.site, saltoks.LockID(lock.ID))
	if err != nil {
		t.Fatal(err)
	}
	r.iq, r.target = target.IQ, target
	sim.ForgetRequests()
	return r
}

func (r *fixture) newClient(set ...func(*saltoks.Config)) *saltoks.Client {
	r.t.Helper()
	env := saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API(), Events: r.sim.Events()}
	cfg := saltoks.Config{Environment: env, Tokens: r.tokens, HTTPClient: r.sim.HTTPClient(), Limiter: saltoks.NoRateLimit()}
	for _, change := range set {
		change(&cfg)
	}
	c, err := saltoks.NewClient(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// newState seals every State of a test with the same key.
func (r *fixture) newState(store saltostate.Store) *saltostate.State {
	r.t.Helper()
	s, err := saltostate.New(saltostate.Config{Store: store, Sealer: testSealer()})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *fixture) newRemote(c *saltoks.Client, s *saltostate.State, changes ...func(*Config)) *Remote {
	r.t.Helper()
	cfg := Config{Client: c, State: s, User: saltoks.Identity{Environment: "simulator", Subject: r.tokens.user.Subject}, Now: r.sim.Now}
	for _, change := range changes {
		change(&cfg)
	}
	remote, err := NewRemote(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return remote
}

// activate activates the IQ and clears the recorded requests.
func (r *fixture) activate() {
	r.t.Helper()
	r.requestPIN()
	r.must(r.act.Confirm(r.t.Context(), r.site, r.iq, r.pin()))
	r.sim.ForgetRequests()
}

// requestPIN carries out the activation up to the request of a PIN by mail.
func (r *fixture) requestPIN() {
	r.t.Helper()
	r.must(r.act.Begin(r.t.Context(), r.site, r.iq))
	r.must(r.act.RequestPIN(r.t.Context(), r.site, r.iq, saltoks.PINByMail))
}

// loseConfirmation confirms the PIN; the answer is lost, and so is the answer to the
// question whether the user is activated.
func (r *fixture) loseConfirmation() {
	r.t.Helper()
	r.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("PUT "))
	r.sim.Fault(saltokstest.HTTP500, saltokstest.On("activated_iqs"), saltokstest.Count(-1))
	if _, err := r.act.Confirm(r.t.Context(), r.site, r.iq, r.pin()); !isUnconfirmed(err) {
		r.t.Fatal(err)
	}
	r.sim.ClearFaults()
}

func (r *fixture) must(s ActivationState, err error) ActivationState {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

var fourDigits = regexp.MustCompile(`\b\d{4}\b`)

// pin is the newest IQ PIN that SALTO has sent.
func (r *fixture) pin() saltoks.IQPIN {
	r.t.Helper()
	inbox := r.sim.Inbox()
	if len(inbox) == 0 {
		r.t.Fatal("no message has arrived")
	}
	p, err := saltoks.ParseIQPIN(fourDigits.FindString(inbox[len(inbox)-1].Body))
	if err != nil {
		r.t.Fatalf("the message holds no PIN: %q", inbox[len(inbox)-1].Body)
	}
	return p
}

// wrongPIN is a PIN whose codes are proven wrong: of 361 seconds that SALTO
// accepts, one has the same five characters now and then.
func (r *fixture) wrongPIN() saltoks.IQPIN {
	r.t.Helper()
	doc, err := r.act.load(r.t.Context(), siteIQ{r.site, r.iq})
	if err != nil {
		r.t.Fatal(err)
	}
	right := saltoks.IQKey{Secret: doc.Secret.Secret, PIN: r.pin()}
	taken := map[string]bool{}
	for d := -5 * time.Minute; d <= 5*time.Minute; d += time.Second {
		taken[right.OTP(r.sim.Now().Add(d)).Reveal()] = true
	}
	n, err := strconv.Atoi(right.PIN.Reveal())
	if err != nil {
		r.t.Fatal(err)
	}
	for {
		n = (n + 1) % 10_000
		pin, err := saltoks.ParseIQPIN(fmt.Sprintf("%04d", n))
		if err != nil {
			r.t.Fatal(err)
		}
		wrong, clash := saltoks.IQKey{Secret: right.Secret, PIN: pin}, false
		for d := -2 * time.Minute; d <= 2*time.Minute; d += time.Second {
			clash = clash || taken[wrong.OTP(r.sim.Now().Add(d)).Reveal()]
		}
		if !clash {
			return pin
		}
	}
}

// sent returns "METHOD /path" of the recorded requests to the API.
func (r *fixture) sent() []string {
	var out []string
	for _, q := range r.sim.Requests() {
		if q.Part == "api" {
			out = append(out, q.Method+" "+strings.NewReplacer(string(r.site), "S", string(r.iq), "Q", string(r.target.Lock), "L").Replace(q.Path))
		}
	}
	return out
}

// simTokens gets one access token by the password grant. It decodes by itself:
// the client's own sources are tested elsewhere.
type simTokens struct {
	sim   *saltokstest.Sim
	user  saltokstest.User
	delay time.Duration // before every answer

	mu     sync.Mutex
	token  string
	expiry time.Time
}

func (s *simTokens) Token(ctx context.Context) (saltoks.Token, error) {
	if s.delay > 0 {
		select {
		case <-time.After(s.delay):
		case <-ctx.Done():
			return saltoks.Token{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" || s.sim.Now().After(s.expiry) {
		form := url.Values{
			"grant_type": {"password"}, "username": {s.user.Email}, "password": {s.user.Password},
			"client_id": {s.sim.ClientID()}, "client_secret": {s.sim.ClientSecret()},
			"scope": {"user_api.full_access"},
		}
		resp, err := s.sim.HTTPClient().PostForm(s.sim.Issuer()+"/connect/token", form)
		if err != nil {
			return saltoks.Token{}, err
		}
		defer resp.Body.Close()
		var body struct {
			Access string `json:"access_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != http.StatusOK {
			return saltoks.Token{}, errors.New("the simulator gives no token")
		}
		s.token, s.expiry = body.Access, s.sim.Now().Add(50*time.Minute)
	}
	return saltoks.Token{Access: saltoks.NewSecret(s.token), Subject: s.user.Subject}, nil
}

// countingStore counts calls, and can be made to fail from its n-th call on.
type countingStore struct {
	statetest.FaultyStore
	mu            sync.Mutex
	gets, updates int
	// left is how many calls still work when broken is set; lost reports whether the
	// first one that fails is carried out nevertheless.
	broken bool
	left   int
	lost   bool
}

var errStore = errors.New("the store is down")

func newCountingStore() *countingStore {
	s := new(countingStore)
	s.Store, s.OnGet, s.OnUpdate = saltostate.NewMemoryStore(), s.get, s.update
	return s
}

func (s *countingStore) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets, s.updates = 0, 0
}

// fails reports that the call fails, and whether it is carried out even so.
func (s *countingStore) fails() (fails, carriedOut bool) {
	if !s.broken {
		return false, true
	}
	s.left--
	return s.left < 0, s.left >= 0 || s.left == -1 && s.lost
}

func (s *countingStore) get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.gets++
	fails, _ := s.fails()
	s.mu.Unlock()
	if fails {
		return nil, errStore
	}
	return s.Store.Get(ctx, key)
}

func (s *countingStore) update(ctx context.Context, key string, fn statetest.UpdateFunc) error {
	s.mu.Lock()
	s.updates++
	s.mu.Unlock()
	var failed bool
	err := s.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fails, carriedOut := s.fails()
		failed = fails
		if !carriedOut {
			return nil, errStore // after fn: what it did outside is done
		}
		return next, nil
	})
	if err == nil && failed {
		return errStore
	}
	return err
}

func withNow(now func() time.Time) func(*Config) { return func(cfg *Config) { cfg.Now = now } }

func withOTP(f OTPFunc) func(*Config) { return func(cfg *Config) { cfg.OTP = f } }

// storedCodes returns codes that are computed from what r has stored.
func storedCodes(r *Remote) OTPFunc {
	local := r.core
	local.otp = nil
	return func(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error) {
		at := siteIQ{site, iq}
		doc, err := local.load(ctx, at)
		if err != nil {
			return saltoks.OTP{}, err
		}
		return local.code(ctx, at, doc)
	}
}

// activateIQ activates another IQ for the same user.
func (r *fixture) activateIQ(iq saltoks.IQID) {
	r.t.Helper()
	r.must(r.act.Begin(r.t.Context(), r.site, iq))
	r.must(r.act.RequestPIN(r.t.Context(), r.site, iq, saltoks.PINByMail))
	r.must(r.act.Confirm(r.t.Context(), r.site, iq, r.pin()))
}

// commands is how many locking requests were sent.
func (r *fixture) commands() (n int) {
	for _, line := range r.sent() {
		if strings.HasSuffix(line, "/locking") {
			n++
		}
	}
	return n
}

func second[A, B any](_ A, b B) B { return b }

type anyToken struct{}

func (anyToken) Token(ctx context.Context) (saltoks.Token, error) {
	return saltoks.Token{Access: saltoks.NewSecret("any")}, ctx.Err()
}

// pauseCommands makes a limiter pause commands for d (whole seconds): another
// client that shares the limiter receives a 429.
func pauseCommands(t *testing.T, l *saltoks.Limiter, d time.Duration) {
	t.Helper()
	busy := faulttest.RoundTripper(func(*http.Request) (*http.Response, error) {
		return faulttest.Reply(429, "", "Retry-After", strconv.Itoa(int(d/time.Second))), nil
	})
	env := saltoks.Environment{Name: "test", Issuer: "https://id.example.test", API: "https://api.example.test"}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: anyToken{}, HTTPClient: &http.Client{Transport: busy},
		Limiter: l})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Raw().SetLockState(t.Context(), "s", "l", saltoks.Unlocked, saltoks.OTP{}, nil); !errors.Is(err, saltoks.ErrRateLimited) {
		t.Fatal(err)
	}
}
