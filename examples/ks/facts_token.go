package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// tokenFacts are the access token (WIRE.md 1.2).
func tokenFacts() []fact {
	return []fact{
		{"1.2", markMeasured, "the access token is a JWT: RS256, at+jwt, a kid", (*survey).tokenHeader},
		{"1.2", markMeasured, "the kid of the access token is one of the public keys", (*survey).tokenKey},
		{"1.2", markMeasured, "the access token has the claims of WIRE.md", (*survey).tokenClaims},
		{"1.2", markMeasured, "the audience is user_api, as a text", (*survey).audience},
		{"1.2", markMeasured, "the scope claim is a list with user_api.full_access", (*survey).scopeClaim},
		{"1.2", markMeasured, "an access token is valid for one hour", (*survey).lifetime},
		{"1.2", markMeasured, "sub is neither the platform user id nor the site-user id", (*survey).subject},
		{"1.2", markGuess, "userinfo answers the same sub", (*survey).userinfo},
	}
}

// refreshFacts renew the access token (WIRE.md 1.2). They come after all facts that need a
// token, in case it cannot be renewed.
func refreshFacts() []fact {
	return []fact{
		{"1.2", markMeasured, "a token answer has access_token, expires_in, token_type and scope", (*survey).tokenFields},
		{"1.2", markMeasured, "a token answer says that the token ends in 3600 seconds", (*survey).expiresIn},
		{"1.2", markMeasured, "the token type is Bearer", (*survey).tokenType},
		{"1.2", markCode, "a refresh returns a new refresh token", (*survey).rotation},
	}
}

// refreshed renews the access token once, as happens every hour, and returns the answer of
// the token endpoint. The library stores the new tokens. A token that is only seconds old
// is not renewed, so refreshed waits until it may be.
func (v *survey) refreshed(ctx context.Context) *tokenAnswer {
	if v.refreshTried {
		return v.record.lastToken()
	}
	v.refreshTried = true
	source := v.s.auth.Tokens(v.s.conn)
	rejecter, ok := source.(saltoks.Rejecter)
	old, err := source.Token(ctx)
	if !ok || err != nil || rejecter.Reject(ctx, old) != nil {
		return nil
	}
	_, err = source.Token(ctx)
	if e, ok := errors.AsType[*saltoauth.IdentityError](err); ok && v.record.lastToken() == nil && !e.RetryAt.IsZero() {
		if sleep(ctx, time.Until(e.RetryAt)+10*time.Millisecond) == nil {
			_, _ = source.Token(ctx) // the answer is recorded
		}
	}
	return v.record.lastToken()
}

func (v *survey) tokenFields(ctx context.Context) finding {
	t := v.refreshed(ctx)
	if t == nil {
		return unseen("no token was renewed")
	}
	if t.status != http.StatusOK || t.object() == nil {
		return differ("%s", t.summary())
	}
	return shape("access_token:text expires_in:number token_type:text scope:text", []map[string]any{t.object()})
}

func (v *survey) expiresIn(ctx context.Context) finding {
	t := v.refreshed(ctx)
	if t == nil {
		return unseen("no token was renewed")
	}
	n := number(t.object()["expires_in"])
	return expect(n == 3600, "%d", n)
}

func (v *survey) tokenType(ctx context.Context) finding {
	t := v.refreshed(ctx)
	if t == nil {
		return unseen("no token was renewed")
	}
	return expect(t.object()["token_type"] == "Bearer", "%s", wordOf(t.object()["token_type"]))
}

func (v *survey) rotation(ctx context.Context) finding {
	t := v.refreshed(ctx)
	if t == nil {
		return unseen("no token was renewed")
	}
	if t.rotated {
		return agree("a new one")
	}
	return differ("none, or the same")
}

// wordOf returns a value if it is a single word.
func wordOf(v any) string {
	text, ok := v.(string)
	if !ok {
		return jsonType(v)
	}
	if !aWord.MatchString(text) {
		return "a text of another form"
	}
	return text
}

// accessToken returns the header and the claims of the access token, or nil if it is no JWT.
func (v *survey) accessToken(ctx context.Context) (header, claims map[string]any) {
	token, err := v.token(ctx)
	parts := strings.Split(token, ".")
	if err != nil || len(parts) != 3 {
		return nil, nil
	}
	return segment(parts[0]), segment(parts[1])
}

func segment(part string) map[string]any {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v map[string]any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

func (v *survey) tokenHeader(ctx context.Context) finding {
	h, _ := v.accessToken(ctx)
	if h == nil {
		return differ("no JWT")
	}
	_, hasKey := h["kid"].(string)
	return expect(h["alg"] == "RS256" && h["typ"] == "at+jwt" && hasKey,
		"%s, %s, kid %s", wordOf(h["alg"]), wordOf(h["typ"]), jsonType(h["kid"]))
}

func (v *survey) tokenKey(ctx context.Context) finding {
	h, _ := v.accessToken(ctx)
	for _, k := range v.keySet(ctx) {
		if h != nil && k["kid"] == h["kid"] {
			return agree("it is")
		}
	}
	return differ("it is not")
}

func (v *survey) tokenClaims(ctx context.Context) finding {
	_, claims := v.accessToken(ctx)
	if claims == nil {
		return differ("no JWT")
	}
	const want fields = "iss:text client_id:text sub:text amr:list idp:text auth_time:number iat:number nbf:number exp:number"
	faults, extra := want.compare(claims)
	if len(faults) > 0 {
		return differ("%s", strings.Join(faults, "; "))
	}
	return agree("all, and also %s", strings.Join(extra, ", "))
}

func (v *survey) audience(ctx context.Context) finding {
	_, claims := v.accessToken(ctx)
	return expect(claims["aud"] == "user_api", "%s", wordOf(claims["aud"]))
}

func (v *survey) scopeClaim(ctx context.Context) finding {
	_, claims := v.accessToken(ctx)
	list, ok := claims["scope"].([]any)
	return expect(ok && slices.Contains(list, any("user_api.full_access")), "%s of %d", jsonType(claims["scope"]), len(list))
}

func (v *survey) lifetime(ctx context.Context) finding {
	_, claims := v.accessToken(ctx)
	seconds := number(claims["exp"]) - number(claims["iat"])
	return expect(seconds == 3600, "%d seconds", seconds)
}

func (v *survey) subject(ctx context.Context) finding {
	_, claims := v.accessToken(ctx)
	me := v.get(ctx, "/v1.2/me", "").object()["id"]
	member := v.get(ctx, "/v1.2/sites/{S}/me", "").object()["id"]
	if claims["sub"] == nil || me == nil {
		return unseen("no sub or no user")
	}
	if claims["sub"] == me || claims["sub"] == member {
		return differ("the same as another id")
	}
	return agree("it differs from both")
}

func (v *survey) userinfo(ctx context.Context) finding {
	endpoint := v.endpoint(ctx, "userinfo_endpoint")
	if endpoint == "" {
		return unseen("discovery names no userinfo on its host")
	}
	r := v.send(ctx, request{url: endpoint})
	_, claims := v.accessToken(ctx)
	if r.status != http.StatusOK {
		return differ("%s", r.summary())
	}
	if r.object()["sub"] != claims["sub"] {
		return differ("200 with another sub")
	}
	return agree("200")
}
