// Package oidc checks what an OpenID Connect server publishes and signs: its
// discovery document, its keys and its tokens. It makes no request itself.
package oidc

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
	"github.com/doorkit/doorkit/saltoks/internal/keylock"
)

// Server is one identity server as seen by one OAuth client. All exported
// fields are required. It caches the discovery document and the keys, and is
// safe for concurrent use.
type Server struct {
	// Issuer is the server's issuer URL. ClientID is the client for which it
	// issues tokens.
	Issuer, ClientID string
	// Get reads a document and passes it to parse. what is "discovery" or
	// "keys". An error of parse is the fault of the document, as one clause.
	Get func(ctx context.Context, what, url string, parse func(body []byte) error) error
	Now func() time.Time
	Log *slog.Logger

	reading keylock.Locks // "metadata" for meta, "keys" for keys
	meta    *Metadata
	metaAt  time.Time // when meta was read; zero if it must be read again
	keys    map[string]*rsa.PublicKey
	keysAt  time.Time
}

// Metadata is the part of the discovery document that is used.
type Metadata struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	KeysURL               string `json:"jwks_uri"`
	RevocationEndpoint    string `json:"revocation_endpoint"`
}

// metadataAge is how long a discovery document is used before it is read again.
// An old document is still used while the server does not answer.
const metadataAge = 24 * time.Hour

// Metadata returns the discovery document, from the cache for a day. Its error
// is the one of Get or the context's.
func (s *Server) Metadata(ctx context.Context) (*Metadata, error) { return s.MetadataAfter(ctx, nil) }

// MetadataAfter is Metadata for a caller that found an endpoint in old that does
// not exist: it reads the document again if old is still the cached one.
func (s *Server) MetadataAfter(ctx context.Context, old *Metadata) (*Metadata, error) {
	unlock, err := s.reading.Lock(ctx, "metadata")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s.meta == old {
		s.metaAt = time.Time{}
	}
	now := s.Now()
	if s.meta != nil && now.Sub(s.metaAt).Abs() < metadataAge {
		return s.meta, nil
	}
	m := new(Metadata)
	err = s.Get(ctx, "discovery", strings.TrimSuffix(s.Issuer, "/")+"/.well-known/openid-configuration", func(body []byte) error {
		if err := decode(body, m); err != nil {
			return err
		}
		return m.check(s.Issuer)
	})
	if err != nil && s.meta != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "identity server: discovery failed, using the old document", slog.String("error", err.Error()))
		return s.meta, nil
	}
	if err != nil {
		return nil, err
	}
	s.meta, s.metaAt = m, now
	return m, nil
}

// check requires every endpoint to have the issuer's origin, so that a forged
// or broken document cannot redirect a code or a refresh token to another host.
func (m *Metadata) check(issuer string) error {
	if strings.TrimSuffix(m.Issuer, "/") != strings.TrimSuffix(issuer, "/") {
		return fmt.Errorf("the document names another issuer, %.200q, than Environment.Issuer, %q", m.Issuer, issuer)
	}
	home, err := url.Parse(issuer)
	if err != nil {
		return errors.New("Environment.Issuer is not a URL")
	}
	for _, e := range []struct {
		name, url string
		needed    bool
	}{
		{"authorization_endpoint", m.AuthorizationEndpoint, true}, {"token_endpoint", m.TokenEndpoint, true},
		{"jwks_uri", m.KeysURL, true}, {"revocation_endpoint", m.RevocationEndpoint, false},
	} {
		if e.url == "" && !e.needed {
			continue
		}
		u, err := baseurl.Parse(e.url)
		if err != nil {
			return fmt.Errorf("%s %w", e.name, err)
		}
		if u.Scheme != home.Scheme || u.Host != home.Host {
			return errors.New(e.name + " is not on the issuer's host")
		}
	}
	return nil
}

func decode(body []byte, into any) error {
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), into) != nil {
		return errors.New("the answer cannot be decoded")
	}
	return nil
}
