package saltokstest

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
	"time"
)

// signingKey is the first key of every identity server. There is one per process,
// because generating one takes a tenth of a second.
//
//nolint:gochecknoglobals // see above
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func keyID(k *rsa.PrivateKey) string {
	sum := sha256.Sum256(k.N.Bytes())
	return strings.ToUpper(fmt.Sprintf("%x", sum[:16])) + "RS256"
}

// sign returns a JWT signed with the newest key. Sim.mu is locked.
func (s *Sim) sign(typ string, claims obj) string {
	key := s.keys[len(s.keys)-1]
	head, _ := json.Marshal(obj{"alg": "RS256", "kid": keyID(key), "typ": typ})
	body, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// verify checks a JWT's signature and returns its claims.
func (s *Sim) verify(token string) (obj, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("IDX12741: JWT must have three segments")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errors.New("the signature is not base64url")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !slices.ContainsFunc(s.keys, func(k *rsa.PrivateKey) bool {
		return rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, sum[:], sig) == nil
	}) {
		return nil, errors.New("the signature is invalid")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims obj
	return claims, json.Unmarshal(raw, &claims)
}

func (s *Sim) jwks() obj {
	var list []obj
	for _, k := range s.keys {
		list = append(list, obj{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(k),
			"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	return obj{"keys": list}
}

// RotateKey makes the identity server sign with a new key. The old keys stay in the
// JWKS unless forget is true.
func (s *Sim) RotateKey(forget bool) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if forget {
		s.keys = nil
	}
	s.keys = append(s.keys, key)
}

// accessToken returns an access token with SALTO's claims.
func (s *Sim) accessToken(u *user, scope []string, amr string, authTime, now time.Time) string {
	claims := obj{
		"iss": s.issuer, "client_id": s.ClientID(), "sub": u.Subject, "scope": scope, "amr": []string{amr},
		"idp": "local", "auth_time": authTime.Unix(), "iat": now.Unix(), "nbf": now.Unix(),
		"exp": now.Add(s.cfg.Switches.AccessLifetime).Unix(), "jti": strings.ToUpper(randomHex(16)),
		"product_id": id("product"), "tenant_id": id("tenant"), "identity_id": id("identity", u.Subject), "skip_email": "False",
		"profile_id_" + id("profile"): id("profile", u.Subject),
	}
	if slices.Contains(scope, fullAccess) {
		claims["aud"] = apiAudience
	} else {
		claims["aud"] = s.issuer + "/resources"
	}
	return s.sign("at+jwt", claims)
}

func (s *Sim) idToken(subject, nonce, access string, authTime, now time.Time) string {
	half := sha256.Sum256([]byte(access))
	claims := obj{
		"iss": s.issuer, "aud": s.ClientID(), "sub": subject, "iat": now.Unix(), "nbf": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(), "auth_time": authTime.Unix(), "amr": []string{"pwd"}, "idp": "local",
		"at_hash": base64.RawURLEncoding.EncodeToString(half[:16]), "sid": strings.ToUpper(randomHex(16)),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return s.sign("JWT", claims)
}
