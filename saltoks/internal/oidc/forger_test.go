package oidc

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

const (
	mockIssuer = "https://identity.example"
	mockClient = "client-1"
)

// forger signs what a test requires; the simulator signs only valid tokens.
type forger struct {
	key       *rsa.PrivateKey
	transport *httpmock.MockTransport
	server    *Server
	now       time.Time
}

var forgerKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newForger(t *testing.T) *forger {
	f := &forger{key: forgerKey(), transport: httpmock.NewMockTransport(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	f.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration",
		httpmock.NewJsonResponderOrPanic(200, map[string]string{
			"issuer": mockIssuer, "authorization_endpoint": mockIssuer + "/connect/authorize",
			"token_endpoint": mockIssuer + "/connect/token", "jwks_uri": mockIssuer + "/jwks",
		}))
	f.publish(f.jwk("k1", &f.key.PublicKey))
	f.server = &Server{Issuer: mockIssuer, ClientID: mockClient, Get: f.get,
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler)}
	return f
}

// getError is the error of a document that could not be read.
type getError struct {
	what   string
	status int
	err    error
}

func (e *getError) Error() string { return fmt.Sprintf("%s, status %d: %v", e.what, e.status, e.err) }

func (f *forger) get(ctx context.Context, what, url string, parse func([]byte) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := f.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == 200 {
		err = parse(body)
	}
	if err != nil || resp.StatusCode != 200 {
		return &getError{what, resp.StatusCode, err}
	}
	return nil
}

func (f *forger) publish(keys ...map[string]string) {
	f.transport.RegisterResponder("GET", mockIssuer+"/jwks", httpmock.NewJsonResponderOrPanic(200, map[string]any{"keys": keys}))
}

func (f *forger) jwk(kid string, k *rsa.PublicKey) map[string]string {
	enc := base64.RawURLEncoding
	return map[string]string{"kty": "RSA", "use": "sig", "kid": kid, "n": enc.EncodeToString(k.N.Bytes()),
		"e": enc.EncodeToString(big.NewInt(int64(k.E)).Bytes())}
}

func (f *forger) claims(change map[string]any) map[string]any {
	c := map[string]any{"iss": mockIssuer, "sub": "subject-1", "aud": mockClient, "nonce": "n-1", "exp": f.now.Add(5 * time.Minute).Unix(),
		"iat": f.now.Unix()}
	for k, v := range change {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func (f *forger) sign(header, claims map[string]any) string {
	enc := base64.RawURLEncoding
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	signed := enc.EncodeToString(h) + "." + enc.EncodeToString(c)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + enc.EncodeToString(sig)
}

func hs256(f *forger) string {
	enc := base64.RawURLEncoding
	c, _ := json.Marshal(f.claims(nil))
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + enc.EncodeToString(c)
	m := hmac.New(sha256.New, f.key.N.Bytes())
	m.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(m.Sum(nil))
}
