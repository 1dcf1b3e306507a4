package saltokstest

import (
	"crypto/rsa"
	"net/http"
	"sync"
	"time"
)

// Where the in-memory front door finds its parts. The base path on the API
// catches a client that builds absolute paths.
const (
	memIdentity = "http://127.0.0.1:7001"
	memAPI      = "http://127.0.0.1:7002/connect"
	memEvents   = "http://127.0.0.1:7003"
	memControl  = "http://127.0.0.1:7004/control"
)

// TB is what New needs of a test; *testing.T, *testing.B and *testing.F are it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Sim is one simulated SALTO KS: identity server, Connect API, IQs and locks,
// mailbox and phone. It is an http.Handler behind one of two front doors: New
// and Start (in memory), Serve (TCP). All methods are safe for concurrent use.
type Sim struct {
	cfg    Config
	clock  *Clock
	routes []route

	// Where the parts are reached; set once, before the first request.
	issuer, api, events, control string
	oneOrigin                    bool

	listener *pipeListener // in memory only
	client   *http.Client
	server   *http.Server
	serving  sync.WaitGroup
	closed   chan struct{}
	closing  sync.Once

	releasing sync.Once

	rec recorder

	mu    sync.Mutex // everything below
	world World
	cloud *cloud
	armed []*armedFault
	keys  []*rsa.PrivateKey // the newest last
}

// New starts a simulator in memory and closes it when the test ends. Called
// inside a testing/synctest bubble, it lives in that bubble, on its clock.
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

// Start starts a simulator in memory for a program without a test. The caller
// closes it. The error names everything that is wrong with the world.
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
	return s, nil
}

// Close ends the in-memory simulator: every connection is cut and every
// request that hangs is let go. It may be called twice.
func (s *Sim) Close() {
	s.release()
	s.closing.Do(func() {
		_ = s.server.Close()
		s.serving.Wait()
		if s.client != nil {
			s.client.CloseIdleConnections()
		}
	})
}

// release lets go of every request that hangs or waits.
func (s *Sim) release() { s.releasing.Do(func() { close(s.closed) }) }

// HTTPClient returns a client that reaches only the simulator, whatever host a
// URL names. It does follow redirects and keep connections, as http.Client
// does. On a Server it is an ordinary client.
func (s *Sim) HTTPClient() *http.Client {
	c := *s.client
	return &c
}

// Issuer returns the URL of the identity server, without a slash at the end.
func (s *Sim) Issuer() string { return s.issuer }

// API returns the base URL of the Connect API: append "/v1.2/sites".
func (s *Sim) API() string { return s.api }

// Events returns the base URL of the event stream: append "/v1/hub/entries".
func (s *Sim) Events() string { return s.events }

// Control returns the base URL of the control endpoints.
func (s *Sim) Control() string { return s.control }

// Clock returns the virtual clock.
func (s *Sim) Clock() *Clock { return s.clock }

// Now returns the virtual time; hand it to the code under test as its clock.
func (s *Sim) Now() time.Time { return s.clock.Now() }

// World returns the world with every id filled in, as it was at the start and
// as the Add methods have changed it since.
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

// Reset returns everything to the start: world, locks, tokens, mailbox, faults,
// recorded requests, and the clock to its base.
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
