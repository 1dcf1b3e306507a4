package saltoks

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// claims of an ID token or a JWT access token, as far as they are looked at.
type claims struct {
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

// clockLeeway is what the two clocks may differ by.
const clockLeeway = time.Minute

// maxToken bounds what is decoded at all.
const maxToken = 32 << 10

// verifyIDToken checks an ID token of the code flow: RS256 by a published key,
// issuer, audience, nonce, expiry, and at_hash where the server sent one.
func (id *identity) verifyIDToken(ctx context.Context, raw, nonce Secret, access Secret) (claims, error) {
	const token = "ID token"
	c, err := id.verify(ctx, token, raw)
	if err != nil {
		return claims{}, err
	}
	switch {
	case !slices.Contains(c.Audience, id.creds.ClientID):
		err = &TokenError{token, "aud", "it was issued to another client"}
	case c.Party != "" && c.Party != id.creds.ClientID, c.Party == "" && len(c.Audience) > 1:
		err = &TokenError{token, "azp", "it was issued to several clients and names not this one as the one to use it"}
	case nonce.IsZero() || !nonce.Equal(NewSecret(c.Nonce)):
		err = &TokenError{token, "nonce", "it belongs to another login"}
	case c.AtHash != "" && subtle.ConstantTimeCompare([]byte(c.AtHash), []byte(accessHash(access))) != 1:
		err = &TokenError{token, "at_hash", "it belongs to another access token"}
	}
	if err != nil {
		return claims{}, err
	}
	return c, nil
}

// verifyAccessToken checks the access token of a password grant: its header
// says at+jwt, its audience is the Connect API (WIRE.md 1.2, measured).
func (id *identity) verifyAccessToken(ctx context.Context, raw Secret) (claims, error) {
	const token = "access token"
	c, err := id.verify(ctx, token, raw)
	if err != nil {
		return claims{}, err
	}
	switch {
	case !slices.Contains(c.Audience, "user_api"):
		err = &TokenError{token, "aud", "it is not for the Connect API (user_api)"}
	case c.ClientID != id.creds.ClientID:
		err = &TokenError{token, "client_id", "it was issued to another client"}
	}
	if err != nil {
		return claims{}, err
	}
	return c, nil
}

// verify checks what both kinds share: signature, issuer, times, subject.
func (id *identity) verify(ctx context.Context, token string, raw Secret) (claims, error) {
	bad := func(claim, what string) (claims, error) { return claims{}, &TokenError{token, claim, what} }
	head, body, signed, sig, ok := splitJWT(raw.Reveal())
	if !ok {
		return bad("format", "it is no signed JWT")
	}
	var h struct {
		Algorithm string          `json:"alg"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	if json.Unmarshal(head, &h) != nil {
		return bad("format", "its header does not decode")
	}
	if h.Algorithm != "RS256" {
		return bad("alg", "only RS256 is accepted")
	}
	if h.Critical != nil {
		return bad("crit", "it demands an extension that is not known here")
	}
	key, err := id.key(ctx, h.KeyID)
	if err != nil {
		return claims{}, err
	}
	if key == nil {
		return bad("kid", "the identity server publishes no such key")
	}
	sum := sha256.Sum256([]byte(signed))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
		return bad("signature", "it does not verify")
	}
	var c claims
	if json.Unmarshal(body, &c) != nil {
		return bad("format", "its claims do not decode")
	}
	now := id.now()
	switch {
	case strings.TrimSuffix(c.Issuer, "/") != strings.TrimSuffix(id.env.Issuer, "/"):
		return bad("iss", "it comes from another identity server")
	case c.Expires == nil || now.Add(-clockLeeway).After(unixTime(*c.Expires)):
		return bad("exp", "it is expired: check this machine's clock, then connect again")
	case c.Before != nil && now.Add(clockLeeway).Before(unixTime(*c.Before)):
		return bad("nbf", "it is not valid yet: check this machine's clock")
	case c.Issued != nil && now.Add(clockLeeway).Before(unixTime(*c.Issued)):
		return bad("iat", "it was issued in the future: check this machine's clock")
	case c.Subject == "" || len(c.Subject) > 255:
		return bad("sub", "it names no usable subject")
	}
	return c, nil
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

func accessHash(access Secret) string {
	sum := sha256.Sum256([]byte(access.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func unixTime(seconds float64) time.Time {
	const most = 1 << 40 // far beyond any date, well inside int64
	seconds = min(max(seconds, -most), most)
	return time.Unix(int64(seconds), 0)
}

// keySet holds the server's published RSA keys by key id.
type keySet struct {
	byID   map[string]*rsa.PublicKey
	readAt time.Time
}

// keysPause is how soon the keys are read again for an unknown key id.
const keysPause = 10 * time.Second

// key returns the public key with that id, nil when there is none. An unknown
// id makes it read the keys again, at most once per keysPause.
func (id *identity) key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	cached := func() (*rsa.PublicKey, bool) {
		id.mu.Lock()
		defer id.mu.Unlock()
		k := id.keys.find(kid)
		return k, k != nil || !id.keys.readAt.IsZero() && id.now().Sub(id.keys.readAt).Abs() < keysPause
	}
	if k, done := cached(); done {
		return k, nil
	}
	unlock, err := id.fetching.Lock(ctx, "keys")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if k, done := cached(); done {
		return k, nil
	}
	m, err := id.metadata(ctx)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	if err := id.getJSON(ctx, "keys", m.Keys, &doc); err != nil {
		return nil, err
	}
	set := keySet{byID: make(map[string]*rsa.PublicKey), readAt: id.now()}
	for _, k := range doc.Keys {
		if pub, err := k.rsa(); err == nil {
			set.byID[k.ID] = pub
		}
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	id.keys = set
	return set.find(kid), nil
}

// find takes the only key for a token without key id.
func (s keySet) find(kid string) *rsa.PublicKey {
	if kid == "" && len(s.byID) == 1 {
		for _, k := range s.byID {
			return k
		}
	}
	return s.byID[kid]
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
		return nil, fmt.Errorf("saltoks: key %q has not 2048 to 8192 bits", k.ID)
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
