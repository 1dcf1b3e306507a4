// Package jwt signs and verifies JSON web tokens with RS256.
package jwt

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
)

// FirstKey returns the first key of every identity server. There is one per process,
// because generating one takes a tenth of a second.
//
//nolint:gochecknoglobals // see above
var FirstKey = sync.OnceValue(NewKey)

// NewKey generates a key.
func NewKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func keyID(k *rsa.PrivateKey) string {
	sum := sha256.Sum256(k.N.Bytes())
	return strings.ToUpper(fmt.Sprintf("%x", sum[:16])) + "RS256"
}

// Claims are the claims of a token.
type Claims = map[string]any

// Sign returns a token.
func Sign(key *rsa.PrivateKey, typ string, claims Claims) string {
	head, _ := json.Marshal(map[string]any{"alg": "RS256", "kid": keyID(key), "typ": typ})
	body, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// Verify checks that one of the keys signed the token and returns its claims.
func Verify(keys []*rsa.PrivateKey, token string) (Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("IDX12741: JWT must have three segments")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errors.New("the signature is not base64url")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !slices.ContainsFunc(keys, func(k *rsa.PrivateKey) bool {
		return rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, sum[:], sig) == nil
	}) {
		return nil, errors.New("the signature is invalid")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims Claims
	err = json.Unmarshal(raw, &claims)
	return claims, err
}

// JWKS returns the public keys.
func JWKS(keys []*rsa.PrivateKey) map[string]any {
	var list []map[string]any
	for _, k := range keys {
		list = append(list, map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(k),
			"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	return map[string]any{"keys": list}
}
