package saltokstest

import (
	"crypto/rsa"
	"net/http"
	"sync"
	"time"
)

// The URLs of a simulator in memory. The API has a base path, so that a client which
// builds absolute paths fails.
const (
	memIdentity = "http://127.0.0.1:7001"
	memAPI      = "http://127.0.0.1:7002/connect"
	memEvents   = "http://127.0.0.1:7003"
	memControl  = "http://127.0.0.1:7004/control"
)

// TB is the part of *testing.T, *testing.B and *testing.F that New uses.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Sim is a simulated SALTO KS: identity server, Connect API, event stream, IQs, locks,
// a mailbox and a phone. All methods are safe for concurrent use.
type Sim struct {
	cfg    Config
	clock  *Clock
	routes []route

	// URLs, set before the first request.
	issuer, api, events, control string
	oneOrigin                    bool

	listener  *pipeListener // in memory only
	client    *http.Client
	server    *http.Server
	serving   sync.WaitGroup
	closed    chan struct{}
	closing   sync.Once
	releasing sync.Once

	rec recorder

	saving sync.Mutex // guards saved; locked before mu
	saved  []byte     // the content of the state file

	mu    sync.Mutex // guards everything below
	world World
	cloud *cloud
	armed []*armedFault
	keys  []*rsa.PrivateKey // the newest is the last
}

// New starts a simulator in memory and closes it when the test ends. Inside a
// testing/synctest bubble the simulator belongs to the bubble and uses its clock.
func New(t TB, cfg Config) *Sim {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a simulator in memory, for a program that is not a test. The caller must
// close it. The error reports every fault of the world.
func Start(cfg Config) (*Sim, error) {
	s, err := build(cfg)
	if err != nil {
		return nil, err
	}
	s.issuer, s.api, s.events, s.control = memIdentity, memAPI, memEvents, memControl
	s.listener = newPipeListener()
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.listener.DialContext, MaxIdleConnsPerHost: 64}}
	s.server = &http.Server{Handler: s}
	s.serving.Go(func() { _ = s.server.Serve(s.listener) })
	if s.cfg.StateFile != "" {
		s.serving.Go(s.keepState)
	}
	return s, nil
}

func build(cfg Config) (*Sim, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s := &Sim{cfg: cfg, clock: &Clock{base: cfg.Now}, routes: apiRoutes(), world: cfg.World.clone(), closed: make(chan struct{})}
	s.keys = []*rsa.PrivateKey{signingKey()}
	s.rec.max = max(cfg.MaxRequests, 0)
	s.cloud = s.newCloud()
	return s, s.openState()
}

// Close ends a simulator in memory: it closes every connection and ends the requests
// that wait. It may be called more than once.
func (s *Sim) Close() {
	s.release()
	s.closing.Do(func() {
		_ = s.server.Close()
		s.serving.Wait()
		if s.client != nil {
			s.client.CloseIdleConnections()
		}
		if err := s.saveState(); err != nil {
			s.cfg.Logger.Error("the state of the simulator could not be saved", "error", err)
		}
	})
}

// release ends every request that hangs or waits.
func (s *Sim) release() { s.releasing.Do(func() { close(s.closed) }) }

// HTTPClient returns a client whose requests go to the simulator, whatever host
// a URL names. It follows redirects and reuses connections as http.Client does.
// For a Server it returns an ordinary client.
func (s *Sim) HTTPClient() *http.Client {
	c := *s.client
	return &c
}

// Issuer returns the URL of the identity server, without a trailing slash.
func (s *Sim) Issuer() string { return s.issuer }

// API returns the base URL of the Connect API, to which a path such as "/v1.2/sites" is
// appended.
func (s *Sim) API() string { return s.api }

// Events returns the base URL of the event stream, to which "/v1/hub/entries" is
// appended.
func (s *Sim) Events() string { return s.events }

// Control returns the base URL of the control endpoints.
func (s *Sim) Control() string { return s.control }

// Clock returns the simulator's clock.
func (s *Sim) Clock() *Clock { return s.clock }

// Now returns the simulator's time. It is the clock for the code under test.
func (s *Sim) Now() time.Time { return s.clock.Now() }

// World returns the world with all its ids: the initial one, including the
// objects that the Add methods have added.
func (s *Sim) World() World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.clone()
}

// ClientID returns the id of the registered OAuth client.
func (s *Sim) ClientID() string { return s.cfg.World.ClientID }

// ClientSecret returns the current secret of the registered OAuth client.
func (s *Sim) ClientSecret() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cloud.clientSecret
}

// RedirectURI returns the redirect URI of the registered OAuth client.
func (s *Sim) RedirectURI() string { return s.cfg.World.RedirectURI }

// Reset restores the initial state: world, locks, tokens, keys, mailbox,
// faults, recorded requests and the clock.
func (s *Sim) Reset() {
	s.clock.reset()
	s.rec.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world = s.cfg.World.clone()
	for _, h := range s.cloud.hubs {
		h.closed = true
		h.poke()
	}
	s.cloud = s.newCloud()
	s.armed = nil
	s.keys = []*rsa.PrivateKey{signingKey()}
}
