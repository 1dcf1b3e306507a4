package saltokstest

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/jwt"
	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/pipe"
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

	listener  *pipe.Listener // in memory only
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
	s.listener = pipe.New()
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
	s.keys = []*rsa.PrivateKey{jwt.FirstKey()}
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
	s.keys = []*rsa.PrivateKey{jwt.FirstKey()}
}

// Clock is the simulator's time: Config.Now plus the duration it was advanced
// by. No part of the simulator waits for it: the effects of elapsed time are
// computed when the state is read. It is safe for concurrent use.
type Clock struct {
	base func() time.Time

	mu     sync.Mutex
	offset time.Duration
}

// Now returns the simulator's current time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset)
}

// Advance moves the clock by d; a negative d moves it back. Locks whose open time has
// passed relock, schedules end, codes and tokens expire.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// advanced returns how far the clock is ahead of Config.Now.
func (c *Clock) advanced() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

func (c *Clock) reset() { c.Advance(-c.advanced()) }

// Server is a simulator on a TCP port: identity server, API, event stream and control
// endpoints on one origin.
type Server struct {
	*Sim
	url string
}

// Serve listens on addr (host:port, port 0 for any) and serves until Close. Only
// loopback addresses are allowed unless Config.AllowAnyAddress is set.
func Serve(addr string, cfg Config) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("saltokstest: the address %q is not host:port", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !cfg.AllowAnyAddress {
		return nil, fmt.Errorf("saltokstest: %q is not a loopback address; Config.AllowAnyAddress (-any-address) permits it", addr)
	}
	s, err := build(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("saltokstest: %w", err)
	}
	srv := &Server{Sim: s, url: "http://" + reachable(l.Addr())}
	s.oneOrigin = true
	s.issuer, s.api, s.events, s.control = srv.url, srv.url, srv.url, srv.url+"/control"
	s.client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	s.serving.Go(func() { _ = s.server.Serve(l) })
	if s.cfg.StateFile != "" {
		s.serving.Go(s.keepState)
	}
	return srv, nil
}

// reachable replaces the unspecified address with loopback.
func reachable(a net.Addr) string {
	host, port, _ := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// URL returns the origin, without a trailing slash.
func (s *Server) URL() string { return s.url }

// Close ends the requests that wait, and lets the others finish until ctx ends.
// Its error is that of ctx or of the state file.
func (s *Server) Close(ctx context.Context) error {
	s.release()
	err := s.server.Shutdown(ctx)
	s.Sim.Close()
	return errors.Join(err, s.saveState())
}

// Describe returns the URLs, the client and the logins as one line of JSON: the first
// line of examples/simulator.
func (s *Sim) Describe() []byte {
	type login struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Phone    string `json:"phone"`
	}
	type place struct {
		ID      string `json:"id"`
		SiteUID string `json:"site_uid"`
		Name    string `json:"name"`
		IQs     []IQ   `json:"iqs"`
		Locks   []Lock `json:"locks"`
	}
	w := s.World()
	var logins []login
	for _, u := range w.Users {
		logins = append(logins, login{u.Email, u.Password, u.Phone})
	}
	var places []place
	for _, p := range w.Sites {
		places = append(places, place{p.ID, p.UID, p.Name, p.IQs, p.Locks})
	}
	line, err := json.Marshal(struct {
		Identity   string  `json:"identity"`
		API        string  `json:"api"`
		Events     string  `json:"events"`
		Control    string  `json:"control"`
		ClientID   string  `json:"client_id"`
		Secret     string  `json:"client_secret"`
		Redirect   string  `json:"redirect_uri"`
		PostLogout string  `json:"post_logout_redirect_uri"`
		Users      []login `json:"users"`
		Sites      []place `json:"sites"`
	}{
		s.issuer, s.api, s.events, s.control, w.ClientID, s.ClientSecret(), w.RedirectURI, w.PostLogoutRedirectURI, logins, places,
	})
	if err != nil {
		panic(err) // plain data
	}
	return line
}
