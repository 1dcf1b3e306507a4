package oidc

import (
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

// TestKeysAreReadAgainForAnUnknownID: key rotation at the server works, a
// stream of unknown ids does not become a stream of requests.
func TestKeysAreReadAgainForAnUnknownID(t *testing.T) {
	f := newForger(t)
	verify := func(kid string) error {
		_, err := f.server.VerifyIDToken(t.Context(), f.sign(map[string]any{"alg": "RS256", "kid": kid}, f.claims(nil)), "n-1", "")
		return err
	}
	reads := func() int { return f.transport.GetCallCountInfo()["GET "+mockIssuer+"/jwks"] }
	for range 3 {
		if err := verify("k1"); err != nil {
			t.Fatal(err)
		}
	}
	if reads() != 1 {
		t.Errorf("%d reads of the keys for one known key", reads())
	}
	f.publish(f.jwk("k1", &f.key.PublicKey), f.jwk("k2", &f.key.PublicKey))
	for range 3 {
		_ = verify("k2")
	}
	if reads() != 0 { // publish began a new count
		t.Errorf("%d reads within the pause", reads())
	}
	f.now = f.now.Add(keysPause)
	if err := verify("k2"); err != nil {
		t.Errorf("a new key: %v", err)
	}
	if reads() != 1 {
		t.Errorf("%d reads after the pause, want 1", reads())
	}
}

func TestUnfitKeysAreIgnored(t *testing.T) {
	f := newForger(t)
	small := &rsa.PublicKey{N: new(big.Int).Rsh(f.key.N, 1024), E: 65537}
	even := &rsa.PublicKey{N: f.key.N, E: 65536}
	one := &rsa.PublicKey{N: f.key.N, E: 1}
	enc := f.jwk("k1", &f.key.PublicKey)
	enc["use"] = "enc"
	ec := f.jwk("k1", &f.key.PublicKey)
	ec["kty"] = "EC"
	for name, k := range map[string]map[string]string{
		"1024 bits": f.jwk("k1", small), "even exponent": f.jwk("k1", even), "exponent 1": f.jwk("k1", one), "for encryption": enc, "EC": ec,
		"junk": {"kty": "RSA", "kid": "k1", "n": "!", "e": "AQAB"},
	} {
		f := newForger(t)
		f.publish(k)
		_, err := f.server.VerifyIDToken(t.Context(), f.sign(map[string]any{"alg": "RS256", "kid": "k1"}, f.claims(nil)), "n-1", "")
		if te, ok := errors.AsType[*TokenError](err); !ok || te.Claim != "kid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAWithdrawnKeyIsTrustedForADay at most: the keys are as old then as a
// discovery document may be. Where they cannot be read again, no token is valid.
func TestAWithdrawnKeyIsTrustedForADay(t *testing.T) {
	f := newForger(t)
	verify := func() error {
		_, err := f.server.VerifyIDToken(t.Context(), f.sign(map[string]any{"alg": "RS256", "kid": "k1"}, f.claims(nil)), "n-1", "")
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	f.publish() // k1 is withdrawn
	f.now = f.now.Add(metadataAge - time.Second)
	if err := verify(); err != nil {
		t.Errorf("within the day: %v", err)
	}
	f.now = f.now.Add(time.Second)
	if te, ok := errors.AsType[*TokenError](verify()); !ok || te.Claim != "kid" {
		t.Errorf("after a day: %v", te)
	}
	f.publish(f.jwk("k1", &f.key.PublicKey))
	f.now = f.now.Add(keysPause)
	if err := verify(); err != nil {
		t.Errorf("published again: %v", err)
	}
	f.transport.RegisterResponder("GET", mockIssuer+"/jwks", httpmock.NewStringResponder(503, ""))
	f.now = f.now.Add(metadataAge)
	if e, ok := errors.AsType[*getError](verify()); !ok || e.what != "keys" || e.status != 503 {
		t.Errorf("the keys cannot be read: %v", e)
	}
}

// TestTokenWithoutKeyID: the only key of a server needs no id (OpenID Connect Core,
// section 10.1); with two keys the token must name one.
func TestTokenWithoutKeyID(t *testing.T) {
	f := newForger(t)
	verify := func() error {
		_, err := f.server.VerifyIDToken(t.Context(), f.sign(map[string]any{"alg": "RS256"}, f.claims(nil)), "n-1", "")
		return err
	}
	if err := verify(); err != nil {
		t.Errorf("with one key: %v", err)
	}
	f.publish(f.jwk("k1", &f.key.PublicKey), f.jwk("k2", &f.key.PublicKey))
	f.now = f.now.Add(metadataAge)
	if te, ok := errors.AsType[*TokenError](verify()); !ok || te.Claim != "kid" {
		t.Errorf("with two keys: %v", te)
	}
}
