package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"
)

// keySet holds the server's published RSA keys by key id.
type keySet struct {
	byID   map[string]*rsa.PublicKey
	readAt time.Time
}

// keysPause is the minimum time between two reads of the keys for an unknown
// key id.
const keysPause = 10 * time.Second

// key returns the public key with that id, or nil if there is none. The keys
// are read again for an unknown id, at most once per keysPause. They are also
// read again when they are older than metadataAge, because the server may have
// withdrawn one.
func (s *Server) key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	cached := func() (*rsa.PublicKey, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		age := s.Now().Sub(s.keys.readAt).Abs()
		if s.keys.readAt.IsZero() || age >= metadataAge {
			return nil, false
		}
		k := s.keys.find(kid)
		return k, k != nil || age < keysPause
	}
	if k, done := cached(); done {
		return k, nil
	}
	unlock, err := s.fetching.Lock(ctx, "keys")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if k, done := cached(); done {
		return k, nil
	}
	m, err := s.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	if err := s.getJSON(ctx, "keys", m.KeysURL, &doc); err != nil {
		return nil, err
	}
	set := keySet{byID: make(map[string]*rsa.PublicKey), readAt: s.Now()}
	for _, k := range doc.Keys {
		if pub, err := k.rsa(); err == nil {
			set.byID[k.ID] = pub
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = set
	return set.find(kid), nil
}

// find returns the key with that id. For a token without a key id it returns
// the only key, if there is exactly one.
func (k keySet) find(kid string) *rsa.PublicKey {
	if kid == "" && len(k.byID) == 1 {
		for _, only := range k.byID {
			return only
		}
	}
	return k.byID[kid]
}

// jwk is one published key (RFC 7517).
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	N         string `json:"n"`
	E         string `json:"e"`
}

func (k jwk) rsa() (*rsa.PublicKey, error) {
	if k.Type != "RSA" || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != "RS256" {
		return nil, fmt.Errorf("saltoks: key %q is not for RS256", k.ID)
	}
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	if err != nil || len(n) < 256 || len(n) > 1024 {
		return nil, fmt.Errorf("saltoks: key %q does not have 2048 to 8192 bits", k.ID)
	}
	e, err := base64.RawURLEncoding.DecodeString(k.E)
	if err != nil || len(e) == 0 || len(e) > 4 {
		return nil, fmt.Errorf("saltoks: key %q has no usable exponent", k.ID)
	}
	exp := new(big.Int).SetBytes(e)
	if exp.Int64() < 3 || exp.Int64() > 1<<31-1 || exp.Bit(0) == 0 {
		return nil, fmt.Errorf("saltoks: key %q has no usable exponent", k.ID)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exp.Int64())}, nil
}
