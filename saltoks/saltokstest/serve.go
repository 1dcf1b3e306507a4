package saltokstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a simulator on a TCP port: identity server, API, events and
// control on one origin.
type Server struct {
	*Sim
	url string
}

// Serve listens on addr (host:port, port 0 for any) and serves until Close.
// Anything but loopback is refused unless Config.AllowAnyAddress is set.
func Serve(addr string, cfg Config) (*Server, error) {
	s, err := build(cfg)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("saltokstest: %q is not host:port", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !cfg.AllowAnyAddress {
		return nil, fmt.Errorf("saltokstest: %q is not a loopback address; Config.AllowAnyAddress (-any-address) permits it", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("saltokstest: %w", err)
	}
	srv := &Server{Sim: s, url: "http://" + reachable(l.Addr())}
	s.oneOrigin = true
	s.issuer, s.api, s.events, s.control = srv.url, srv.url, srv.url, srv.url+"/control"
	s.client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() { _ = s.server.Serve(l) })
	return srv, nil
}

// reachable turns "any address" into loopback, so that it can be opened.
func reachable(a net.Addr) string {
	host, port, _ := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// URL returns the one origin, without a slash at the end.
func (s *Server) URL() string { return s.url }

// Close cuts the requests that hang or wait, and lets the others finish until
// ctx ends.
func (s *Server) Close(ctx context.Context) error {
	s.release()
	err := s.server.Shutdown(ctx)
	s.Sim.Close()
	return err
}

// Describe writes where everything is and who may log in, as one line of JSON:
// what examples/simulator prints first.
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
		Identity     string  `json:"identity"`
		API          string  `json:"api"`
		Events       string  `json:"events"`
		Control      string  `json:"control"`
		ClientID     string  `json:"client_id"`
		ClientSecret string  `json:"client_secret"`
		RedirectURI  string  `json:"redirect_uri"`
		Users        []login `json:"users"`
		Sites        []place `json:"sites"`
	}{s.issuer, s.api, s.events, s.control, w.ClientID, w.ClientSecret, w.RedirectURI, logins, places})
	if err != nil {
		panic(err) // plain data
	}
	return line
}
