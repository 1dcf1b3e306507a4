// Package oidc reads an OpenID Connect server: its discovery document, its keys
// and the tokens it signs. It makes no token request.
package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
	"github.com/doorkit/doorkit/saltoks/internal/keylock"
)

// Server reads from one identity server on behalf of one OAuth client. All
// exported fields are required. It caches the discovery document and the keys,
// and is safe for concurrent use.
type Server struct {
	// Issuer is the server's issuer URL. ClientID is the client for which it
	// issues tokens.
	Issuer, ClientID string
	HTTP             *http.Client
	Now              func() time.Time
	Log              *slog.Logger

	fetching keylock.Locks
	mu       sync.Mutex
	meta     *Metadata
	keys     keySet
}

// Metadata is the part of the discovery document that is used.
type Metadata struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	KeysURL               string `json:"jwks_uri"`
	RevocationEndpoint    string `json:"revocation_endpoint"`

	readAt time.Time
}

// metadataAge is how long a discovery document is used before it is read again.
// An old document is still used while the server does not answer.
const metadataAge = 24 * time.Hour

// Metadata returns the discovery document, from the cache for a day. Its error is
// an *Error or the context's.
func (s *Server) Metadata(ctx context.Context) (*Metadata, error) {
	cached := func() (*Metadata, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.meta, s.meta != nil && s.Now().Sub(s.meta.readAt).Abs() < metadataAge
	}
	if m, ok := cached(); ok {
		return m, nil
	}
	unlock, err := s.fetching.Lock(ctx, "metadata")
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, ok := cached()
	if ok {
		return old, nil
	}
	m := &Metadata{readAt: s.Now()}
	address := strings.TrimSuffix(s.Issuer, "/") + "/.well-known/openid-configuration"
	err = s.getJSON(ctx, "discovery", address, m)
	if err == nil {
		err = m.check(s.Issuer, address)
	}
	if err != nil {
		if old != nil {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "identity server: discovery failed, using the old document", slog.String("error", err.Error()))
			return old, nil
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta = m
	return m, nil
}

// Expire makes the next Metadata call read the document again, if m is still
// the cached one. Call it when an endpoint in m does not exist.
func (s *Server) Expire(m *Metadata) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.meta == m {
		old := *m
		old.readAt = time.Time{}
		s.meta = &old
	}
}

// check requires every endpoint to have the issuer's origin, so that a forged
// or broken document cannot redirect a code or a refresh token to another host.
func (m *Metadata) check(issuer, address string) error {
	bad := func(what string) error { return &Error{Op: "discovery", URL: address, Status: 200, What: what} }
	if strings.TrimSuffix(m.Issuer, "/") != strings.TrimSuffix(issuer, "/") {
		return bad(fmt.Sprintf("the document names another issuer, %.200q, than Environment.Issuer, %q", m.Issuer, issuer))
	}
	home, err := url.Parse(issuer)
	if err != nil {
		return bad("Environment.Issuer is not a URL")
	}
	for _, e := range []struct {
		name, url string
		needed    bool
	}{
		{"authorization_endpoint", m.AuthorizationEndpoint, true}, {"token_endpoint", m.TokenEndpoint, true},
		{"jwks_uri", m.KeysURL, true}, {"revocation_endpoint", m.RevocationEndpoint, false},
	} {
		if e.url == "" {
			if e.needed {
				return bad("the document names no " + e.name)
			}
			continue
		}
		if _, err := baseurl.Parse(e.url); err != nil {
			return bad(e.name + " " + err.Error())
		}
		if u, _ := url.Parse(e.url); u.Scheme != home.Scheme || u.Host != home.Host {
			return bad(e.name + " is not on the issuer's host")
		}
	}
	return nil
}

func (s *Server) getJSON(ctx context.Context, op, u string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return &Error{Op: op, URL: u, What: "the address is not a URL"}
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return answerError(op, u, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return answerError(op, u, err)
	}
	if resp.StatusCode != http.StatusOK {
		return &Error{Op: op, URL: u, Status: resp.StatusCode, What: "the answer is not a document"}
	}
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), into) != nil {
		return &Error{Op: op, URL: u, Status: resp.StatusCode, What: "the answer cannot be decoded"}
	}
	return nil
}
