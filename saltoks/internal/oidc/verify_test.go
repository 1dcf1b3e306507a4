package oidc

import (
	"errors"
	"strings"
	"testing"
	"time"
)

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
		{"at_hash", f.sign(rs256, f.claims(map[string]any{"at_hash": accessHash("access")})), ""},

		{"other issuer", f.sign(rs256, f.claims(map[string]any{"iss": "https://evil.example"})), "iss"},
		{"no issuer", f.sign(rs256, f.claims(map[string]any{"iss": nil})), "iss"},
		{"other audience", f.sign(rs256, f.claims(map[string]any{"aud": "another"})), "aud"},
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
		{"other access token", f.sign(rs256, f.claims(map[string]any{"at_hash": accessHash("other")})), "at_hash"},
		{"claims of a wrong kind", f.sign(rs256, f.claims(map[string]any{"exp": "soon"})), "format"},

		{"alg none", f.sign(map[string]any{"alg": "none"}, f.claims(nil)), "alg"},
		{"alg none, no signature", parts[0] + "." + parts[1] + ".", "format"},
		{"RS512", f.sign(map[string]any{"alg": "RS512", "kid": "k1"}, f.claims(nil)), "alg"},
		{"HS256 with the public key", hs256(f), "alg"},
		{"unknown key", f.sign(map[string]any{"alg": "RS256", "kid": "k9"}, f.claims(nil)), "kid"},
		{"critical extension", f.sign(map[string]any{"alg": "RS256", "kid": "k1", "crit": []string{"b64"}}, f.claims(nil)), "crit"},
		{"signature of something else", parts[0] + "." + strings.Split(f.sign(rs256, f.claims(map[string]any{"sub": "admin"})),
			".")[1] + "." + parts[2], "signature"},
		{"empty", "", "format"},
		{"junk", "a.b.c", "format"},
		{"four parts", good + ".x", "format"},
		{"padding", good + "=", "format"},
		{"huge", strings.Repeat("a", maxToken) + "." + parts[1] + "." + parts[2], "format"},
	}
	for _, c := range cases {
		got, err := f.server.VerifyIDToken(t.Context(), c.raw, "n-1", "access")
		if c.claim == "" {
			if err != nil || got.Subject != "subject-1" {
				t.Errorf("%s: %v, %v", c.name, got, err)
			}
			continue
		}
		te, ok := errors.AsType[*TokenError](err)
		if !ok || te.Claim != c.claim || got.Subject != "" {
			t.Errorf("%s: %v, want a TokenError for %q", c.name, err, c.claim)
		}
		if c.raw != "" && err != nil && strings.Contains(err.Error(), c.raw) {
			t.Errorf("%s: the error repeats the token", c.name)
		}
	}
	if _, err := f.server.VerifyIDToken(t.Context(), good, "", ""); err == nil {
		t.Error("an empty nonce matched")
	}
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
		_, err := f.server.VerifyAccessToken(t.Context(), f.sign(rs256, f.claims(c.change)))
		te, _ := errors.AsType[*TokenError](err)
		if (c.claim == "") != (err == nil) || te != nil && te.Claim != c.claim {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzIDToken(f *testing.F) {
	fg := newForger(&testing.T{})
	f.Add(fg.sign(map[string]any{"alg": "RS256", "kid": "k1"}, fg.claims(nil)))
	f.Add("..")
	f.Add(fg.sign(map[string]any{"alg": "RS256"}, map[string]any{"aud": []string{"a", "b"}, "exp": 1e308}))
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := fg.server.VerifyIDToken(t.Context(), raw, "n-1", "")
		if err == nil && c.Subject != "subject-1" {
			t.Errorf("accepted a token that was not signed: %q", raw)
		}
	})
}
