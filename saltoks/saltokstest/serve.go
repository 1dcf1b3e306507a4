package saltokstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

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
