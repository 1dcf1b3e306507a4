package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"time"
)

// keysPause is the minimum time between two reads of the keys for an unknown
// key id.
const keysPause = 10 * time.Second

// key returns the public key with that id, or nil if there is none. The keys
// are read again for an unknown id, at most once per keysPause. They are also
// read again when they are older than metadataAge, because the server may have
// withdrawn one.
func (s *Server) key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	unlock, err := s.reading.Lock(ctx, "keys")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if age := s.Now().Sub(s.keysAt).Abs(); s.keys != nil && age < metadataAge {
		if k := s.find(kid); k != nil || age < keysPause {
			return k, nil
		}
	}
	m, err := s.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	if err := s.Get(ctx, "keys", m.KeysURL, func(body []byte) error { return decode(body, &doc) }); err != nil {
		return nil, err
	}
	s.keys, s.keysAt = make(map[string]*rsa.PublicKey), s.Now()
	for _, k := range doc.Keys {
		if pub := k.rsa(); pub != nil {
			s.keys[k.ID] = pub
		}
	}
	return s.find(kid), nil
}

// find returns the key with an id. For a token without a key id it returns the only
// key, if there is exactly one.
func (s *Server) find(kid string) *rsa.PublicKey {
	if kid == "" && len(s.keys) == 1 {
		for _, only := range s.keys {
			return only
		}
	}
	return s.keys[kid]
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

// rsa returns the key, or nil if it is not an RS256 key of 2048 to 8192 bits with
// an odd exponent.
func (k jwk) rsa() *rsa.PublicKey {
	if k.Type != "RSA" || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != "RS256" {
		return nil
	}
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	e, err2 := base64.RawURLEncoding.DecodeString(k.E)
	if err != nil || err2 != nil || len(n) < 256 || len(n) > 1024 || len(e) > 4 {
		return nil
	}
	exp := new(big.Int).SetBytes(e).Int64()
	if exp < 3 || exp > 1<<31-1 || exp%2 == 0 {
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exp)}
}
