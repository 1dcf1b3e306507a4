package oidc

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Claims holds the claims of an ID token or a JWT access token that this
// package uses.
type Claims struct {
	Issuer   string    `json:"iss"`
	Subject  string    `json:"sub"`
	Audience audiences `json:"aud"`
	Party    string    `json:"azp"`
	ClientID string    `json:"client_id"`
	Expires  *float64  `json:"exp"`
	Issued   *float64  `json:"iat"`
	Before   *float64  `json:"nbf"`
	Nonce    string    `json:"nonce"`
	AtHash   string    `json:"at_hash"`
	Email    string    `json:"email"`
}

// audiences is one string or a list of them.
type audiences []string

func (a *audiences) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audiences{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*a = many
	return nil
}

// clockLeeway is the allowed difference between the two clocks.
const clockLeeway = time.Minute

// maxToken is the maximum size, in bytes, of a token that is decoded.
const maxToken = 32 << 10

// ErrToken means that a signed token is not valid; see TokenError.
var ErrToken = errors.New("saltoauth: a token of the identity server is not valid")

// TokenError names the claim or part of a signed token that is not valid. It is
// ErrToken for errors.Is and never holds the token.
type TokenError struct {
	Token string // "ID token" or "access token"
	Claim string // "iss", "aud", "nonce", "exp", "alg", "signature", ...
	What  string
}

// Error names the token, the claim and the fault.
func (e *TokenError) Error() string {
	return fmt.Sprintf("%v: %s, %s: %s", ErrToken, e.Token, e.Claim, e.What)
}

// Unwrap returns ErrToken.
func (e *TokenError) Unwrap() error { return ErrToken }

// VerifyIDToken checks an ID token of the code flow: RS256 by a published key,
// issuer, audience, nonce, expiry, and at_hash if the server sent one.
func (s *Server) VerifyIDToken(ctx context.Context, raw, nonce, access string) (Claims, error) {
	return s.verify(ctx, "ID token", raw, func(c Claims) (claim, what string) {
		switch {
		case !slices.Contains(c.Audience, s.ClientID):
			return "aud", "it was issued to another client"
		case c.Party != "" && c.Party != s.ClientID, c.Party == "" && len(c.Audience) > 1:
			return "azp", "it was issued to several clients, and this client is not its authorized party"
		case nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(c.Nonce)) != 1:
			return "nonce", "it belongs to another login"
		case c.AtHash != "" && subtle.ConstantTimeCompare([]byte(c.AtHash), []byte(accessHash(access))) != 1:
			return "at_hash", "it belongs to another access token"
		}
		return "", ""
	})
}

// VerifyAccessToken checks the access token of a password grant: its header
// is at+jwt, its audience the Connect API (WIRE.md 1.2).
func (s *Server) VerifyAccessToken(ctx context.Context, raw string) (Claims, error) {
	return s.verify(ctx, "access token", raw, func(c Claims) (claim, what string) {
		switch {
		case !slices.Contains(c.Audience, "user_api"):
			return "aud", "it is not for the Connect API (user_api)"
		case c.ClientID != s.ClientID:
			return "client_id", "it was issued to another client"
		}
		return "", ""
	})
}

// verify checks the parts that both kinds of token have: signature, issuer,
// times, subject. own checks the others and returns the claim that is not valid.
func (s *Server) verify(ctx context.Context, token, raw string, own func(Claims) (claim, what string)) (Claims, error) {
	c, err := s.signed(ctx, token, raw)
	if err != nil {
		return Claims{}, err
	}
	claim, what := s.common(c)
	if claim == "" {
		claim, what = own(c)
	}
	if claim != "" {
		return Claims{}, &TokenError{token, claim, what}
	}
	return c, nil
}

// signed returns the claims of a token that one of the server's keys signed.
func (s *Server) signed(ctx context.Context, token, raw string) (Claims, error) {
	bad := func(claim, what string) (Claims, error) { return Claims{}, &TokenError{token, claim, what} }
	head, body, signed, sig, ok := splitJWT(raw)
	if !ok {
		return bad("format", "it is not a signed JWT")
	}
	var h struct {
		Algorithm string          `json:"alg"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	if json.Unmarshal(head, &h) != nil {
		return bad("format", "its header cannot be decoded")
	}
	if h.Algorithm != "RS256" {
		return bad("alg", "only RS256 is accepted")
	}
	if h.Critical != nil {
		return bad("crit", "it requires an extension that is not supported")
	}
	key, err := s.key(ctx, h.KeyID)
	if err != nil {
		return Claims{}, err
	}
	if key == nil {
		return bad("kid", "the identity server publishes no such key")
	}
	sum := sha256.Sum256([]byte(signed))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
		return bad("signature", "it does not verify")
	}
	var c Claims
	if json.Unmarshal(body, &c) != nil {
		return bad("format", "its claims cannot be decoded")
	}
	return c, nil
}

// common checks the issuer, the times and the subject.
func (s *Server) common(c Claims) (claim, what string) {
	now := s.Now()
	switch {
	case strings.TrimSuffix(c.Issuer, "/") != strings.TrimSuffix(s.Issuer, "/"):
		return "iss", "it comes from another identity server"
	case c.Expires == nil || now.Add(-clockLeeway).After(unixTime(*c.Expires)):
		return "exp", "it has expired: check this machine's clock, then connect again"
	case c.Before != nil && now.Add(clockLeeway).Before(unixTime(*c.Before)):
		return "nbf", "it is not valid yet: check this machine's clock"
	case c.Issued != nil && now.Add(clockLeeway).Before(unixTime(*c.Issued)):
		return "iat", "it was issued in the future: check this machine's clock"
	case c.Subject == "" || len(c.Subject) > 255:
		return "sub", "it names no usable subject"
	}
	return "", ""
}

// UnverifiedSubject returns the subject of a JWT, or "" if it cannot be read.
// It does not check the signature: use it only for a token that came over TLS
// from the issuer itself, as OpenID Connect Core 3.1.3.7 allows.
func UnverifiedSubject(raw string) string {
	_, body, _, _, ok := splitJWT(raw)
	var c struct {
		Subject string `json:"sub"`
	}
	if !ok || json.Unmarshal(body, &c) != nil {
		return ""
	}
	return c.Subject
}

func splitJWT(raw string) (head, body []byte, signed string, sig []byte, ok bool) {
	parts := strings.Split(raw, ".")
	if len(raw) > maxToken || len(parts) != 3 {
		return nil, nil, "", nil, false
	}
	var out [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || len(b) == 0 {
			return nil, nil, "", nil, false
		}
		out[i] = b
	}
	return out[0], out[1], parts[0] + "." + parts[1], out[2], true
}

func accessHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func unixTime(seconds float64) time.Time {
	const most = 1 << 40 // far beyond any date, well inside int64
	seconds = min(max(seconds, -most), most)
	return time.Unix(int64(seconds), 0)
}
