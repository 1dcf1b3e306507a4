package saltoks

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

const (
	mockIssuer = "https://identity.example"
	mockClient = "client-1"
)

// forger signs whatever a test wants; the simulator signs only what is right.
type forger struct {
	key       *rsa.PrivateKey
	transport *httpmock.MockTransport
	id        *identity
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
	f.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewJsonResponderOrPanic(200, map[string]string{
		"issuer": mockIssuer, "authorization_endpoint": mockIssuer + "/connect/authorize",
		"token_endpoint": mockIssuer + "/connect/token", "jwks_uri": mockIssuer + "/jwks",
	}))
	f.publish(f.jwk("k1", &f.key.PublicKey))
	id, err := newIdentity(Environment{Name: "mock", Issuer: mockIssuer, API: "https://api.example"}, Credentials{ClientID: mockClient},
		[]AuthOption{AuthHTTPClient(&http.Client{Transport: f.transport}), AuthClock(func() time.Time { return f.now })})
	if err != nil {
		t.Fatal(err)
	}
	f.id = id
	return f
}

func (f *forger) publish(keys ...map[string]string) {
	f.transport.RegisterResponder("GET", mockIssuer+"/jwks", httpmock.NewJsonResponderOrPanic(200, map[string]any{"keys": keys}))
}

func (f *forger) jwk(kid string, k *rsa.PublicKey) map[string]string {
	enc := base64.RawURLEncoding
	return map[string]string{"kty": "RSA", "use": "sig", "kid": kid, "n": enc.EncodeToString(k.N.Bytes()), "e": enc.EncodeToString(big.NewInt(int64(k.E)).Bytes())}
}

func (f *forger) claims(change map[string]any) map[string]any {
	c := map[string]any{"iss": mockIssuer, "sub": "subject-1", "aud": mockClient, "nonce": "n-1", "exp": f.now.Add(5 * time.Minute).Unix(), "iat": f.now.Unix()}
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

func TestIDTokenChecks(t *testing.T) {
	f := newForger(t)
	rs256 := map[string]any{"alg": "RS256", "kid": "k1"}
	good := f.sign(rs256, f.claims(nil))
	parts := strings.Split(good, ".")
	at := func(d time.Duration) int64 { return f.now.Add(d).Unix() }
	cases := []struct{ name, raw, claim string }{
		{"good", good, ""},
		{"audience list", f.sign(rs256, f.claims(map[string]any{"aud": []string{mockClient}})), ""},
		{"two audiences and azp", f.sign(rs256, f.claims(map[string]any{"aud": []string{"x", mockClient}, "azp": mockClient})), ""},
		{"clock a little behind", f.sign(rs256, f.claims(map[string]any{"iat": at(30 * time.Second), "nbf": at(30 * time.Second)})), ""},
		{"at_hash", f.sign(rs256, f.claims(map[string]any{"at_hash": accessHash(NewSecret("access"))})), ""},

		{"other issuer", f.sign(rs256, f.claims(map[string]any{"iss": "https://evil.example"})), "iss"},
		{"no issuer", f.sign(rs256, f.claims(map[string]any{"iss": nil})), "iss"},
		{"other audience", f.sign(rs256, f.claims(map[string]any{"aud": "somebody"})), "aud"},
		{"no audience", f.sign(rs256, f.claims(map[string]any{"aud": nil})), "aud"},
		{"two audiences", f.sign(rs256, f.claims(map[string]any{"aud": []string{"x", mockClient}})), "azp"},
		{"other azp", f.sign(rs256, f.claims(map[string]any{"azp": "x"})), "azp"},
		{"other nonce", f.sign(rs256, f.claims(map[string]any{"nonce": "n-2"})), "nonce"},
		{"no nonce", f.sign(rs256, f.claims(map[string]any{"nonce": nil})), "nonce"},
		{"expired", f.sign(rs256, f.claims(map[string]any{"exp": at(-2 * time.Minute)})), "exp"},
		{"no expiry", f.sign(rs256, f.claims(map[string]any{"exp": nil})), "exp"},
		{"absurd expiry", f.sign(rs256, f.claims(map[string]any{"exp": -1e300})), "exp"},
		{"not yet valid", f.sign(rs256, f.claims(map[string]any{"nbf": at(2 * time.Minute)})), "nbf"},
		{"from the future", f.sign(rs256, f.claims(map[string]any{"iat": at(2 * time.Minute)})), "iat"},
		{"no subject", f.sign(rs256, f.claims(map[string]any{"sub": ""})), "sub"},
		{"long subject", f.sign(rs256, f.claims(map[string]any{"sub": strings.Repeat("s", 256)})), "sub"},
		{"other access token", f.sign(rs256, f.claims(map[string]any{"at_hash": accessHash(NewSecret("other"))})), "at_hash"},
		{"claims of a wrong kind", f.sign(rs256, f.claims(map[string]any{"exp": "soon"})), "format"},

		{"alg none", f.sign(map[string]any{"alg": "none"}, f.claims(nil)), "alg"},
		{"alg none, no signature", parts[0] + "." + parts[1] + ".", "format"},
		{"RS512", f.sign(map[string]any{"alg": "RS512", "kid": "k1"}, f.claims(nil)), "alg"},
		{"HS256 with the public key", hs256(f), "alg"},
		{"unknown key", f.sign(map[string]any{"alg": "RS256", "kid": "k9"}, f.claims(nil)), "kid"},
		{"critical extension", f.sign(map[string]any{"alg": "RS256", "kid": "k1", "crit": []string{"b64"}}, f.claims(nil)), "crit"},
		{"signature of something else", parts[0] + "." + strings.Split(f.sign(rs256, f.claims(map[string]any{"sub": "admin"})), ".")[1] + "." + parts[2], "signature"},
		{"empty", "", "format"},
		{"junk", "a.b.c", "format"},
		{"four parts", good + ".x", "format"},
		{"padding", good + "=", "format"},
		{"huge", strings.Repeat("a", maxToken) + "." + parts[1] + "." + parts[2], "format"},
	}
	for _, c := range cases {
		got, err := f.id.verifyIDToken(t.Context(), NewSecret(c.raw), NewSecret("n-1"), NewSecret("access"))
		if c.claim == "" {
			if err != nil || got.Subject != "subject-1" {
				t.Errorf("%s: %v, %v", c.name, got, err)
			}
			continue
		}
		te, ok := errors.AsType[*TokenError](err)
		if !ok || te.Claim != c.claim || !errors.Is(err, ErrToken) || got.Subject != "" {
			t.Errorf("%s: %v, want a TokenError for %q", c.name, err, c.claim)
		}
		if c.raw != "" && err != nil && strings.Contains(err.Error(), c.raw) {
			t.Errorf("%s: the error repeats the token", c.name)
		}
	}
	if _, err := f.id.verifyIDToken(t.Context(), NewSecret(good), Secret{}, Secret{}); err == nil {
		t.Error("an empty nonce matched")
	}
}

func hs256(f *forger) string {
	enc := base64.RawURLEncoding
	c, _ := json.Marshal(f.claims(nil))
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + enc.EncodeToString(c)
	m := hmac.New(sha256.New, f.key.N.Bytes())
	m.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(m.Sum(nil))
}

func TestAccessTokenChecks(t *testing.T) {
	f := newForger(t)
	rs256 := map[string]any{"alg": "RS256", "kid": "k1", "typ": "at+jwt"}
	for _, c := range []struct {
		name, claim string
		change      map[string]any
	}{
		{"good", "", map[string]any{"aud": "user_api", "client_id": mockClient}},
		{"other API", "aud", map[string]any{"aud": "hardware_api", "client_id": mockClient}},
		{"other client", "client_id", map[string]any{"aud": "user_api", "client_id": "x"}},
	} {
		_, err := f.id.verifyAccessToken(t.Context(), NewSecret(f.sign(rs256, f.claims(c.change))))
		te, _ := errors.AsType[*TokenError](err)
		if (c.claim == "") != (err == nil) || te != nil && te.Claim != c.claim {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestKeysAreReadAgainForAnUnknownID: key rotation at the server works, a
// stream of unknown ids does not become a stream of requests.
func TestKeysAreReadAgainForAnUnknownID(t *testing.T) {
	f := newForger(t)
	verify := func(kid string) error {
		_, err := f.id.verifyIDToken(t.Context(), NewSecret(f.sign(map[string]any{"alg": "RS256", "kid": kid}, f.claims(nil))), NewSecret("n-1"), Secret{})
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
		_, err := f.id.verifyIDToken(t.Context(), NewSecret(f.sign(map[string]any{"alg": "RS256", "kid": "k1"}, f.claims(nil))), NewSecret("n-1"), Secret{})
		if te, ok := errors.AsType[*TokenError](err); !ok || te.Claim != "kid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDiscoveryIsHeldToTheIssuer(t *testing.T) {
	base := map[string]string{"issuer": mockIssuer, "authorization_endpoint": mockIssuer + "/a", "token_endpoint": mockIssuer + "/t", "jwks_uri": mockIssuer + "/k", "revocation_endpoint": mockIssuer + "/r"}
	for name, change := range map[string][2]string{
		"other issuer":    {"issuer", "https://evil.example"},
		"token elsewhere": {"token_endpoint", "https://evil.example/t"},
		"token on http":   {"token_endpoint", "http://identity.example/t"},
		"keys elsewhere":  {"jwks_uri", "https://identity.example.evil.example/k"},
		"other port":      {"authorization_endpoint", mockIssuer + ":8443/a"},
		"user in URL":     {"jwks_uri", "https://x@identity.example/k"},
		"revocation":      {"revocation_endpoint", "https://evil.example/r"},
		"no keys":         {"jwks_uri", ""},
		"relative":        {"token_endpoint", "/t"},
	} {
		f := newForger(t)
		doc := map[string]string{}
		for k, v := range base {
			doc[k] = v
		}
		doc[change[0]] = change[1]
		f.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewJsonResponderOrPanic(200, doc))
		if m, err := f.id.metadata(t.Context()); err == nil {
			t.Errorf("%s: taken: %+v", name, m)
		} else if _, ok := errors.AsType[*IdentityError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldDiscoveryServesThroughAnOutage(t *testing.T) {
	f := newForger(t)
	if _, err := f.id.metadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewStringResponder(404, ""))
	f.now = f.now.Add(48 * time.Hour)
	if m, err := f.id.metadata(t.Context()); err != nil || m.Token == "" {
		t.Errorf("%v, %v", m, err)
	}
	fresh := newForger(t)
	fresh.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewStringResponder(404, "<html>planted</html>"))
	_, err := fresh.id.metadata(t.Context())
	e, ok := errors.AsType[*IdentityError](err)
	if !ok || !e.Temporary() || e.Status != 404 || strings.Contains(fmt.Sprint(err), "planted") {
		t.Errorf("%v", err)
	}
}

func FuzzIDToken(f *testing.F) {
	fg := newForger(&testing.T{})
	f.Add(fg.sign(map[string]any{"alg": "RS256", "kid": "k1"}, fg.claims(nil)))
	f.Add("..")
	f.Add(fg.sign(map[string]any{"alg": "RS256"}, map[string]any{"aud": []string{"a", "b"}, "exp": 1e308}))
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := fg.id.verifyIDToken(t.Context(), NewSecret(raw), NewSecret("n-1"), Secret{})
		if err == nil && c.Subject != "subject-1" {
			t.Errorf("took a token nobody signed: %q", raw)
		}
	})
}

// Nobody else's connections are used, and none of theirs is closed with ours.
func TestIdentityHasATransportOfItsOwn(t *testing.T) {
	tr, ok := newAuthConfig(nil).transport.(*http.Transport)
	if !ok || tr == http.DefaultTransport || tr.TLSClientConfig == nil || tr.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("%v", tr)
	}
}
