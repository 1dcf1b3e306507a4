package saltokstest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/jwt"
	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/odata"
)

// family is one consent with all its refresh tokens. Using a refresh token that has
// been replaced ends the family.
type family struct {
	user     *user
	scope    []string
	authTime time.Time
	expires  time.Time
	dead     bool
}

type refreshToken struct {
	family    *family
	rotatedAt time.Time // zero while the token is the current one
}

// token serves the token endpoint. Sim.mu is locked.
func (s *Sim) token(w *answer, r *http.Request, form url.Values, now time.Time) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		oauthError(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	if !s.clientAuth(r, form) {
		s.invalidClient(w, r)
		return
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		s.grantCode(w, form, now)
	case "refresh_token":
		s.grantRefresh(w, form, now)
	case "password":
		s.grantPassword(w, form, now)
	case "client_credentials":
		oauthError(w, http.StatusBadRequest, "unauthorized_client", "")
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "")
	}
}

// clientAuth accepts HTTP Basic and the two form fields. A public client has no
// secret, or an empty one.
func (s *Sim) clientAuth(r *http.Request, form url.Values) bool {
	clientID, secret, basic := r.BasicAuth()
	if basic {
		// RFC 6749 2.3.1: both are form-encoded first.
		if d, err := url.QueryUnescape(clientID); err == nil {
			clientID = d
		}
		if d, err := url.QueryUnescape(secret); err == nil {
			secret = d
		}
	} else {
		clientID, secret = form.Get("client_id"), form.Get("client_secret")
	}
	return clientID == s.ClientID() && subtle.ConstantTimeCompare([]byte(secret), []byte(s.cloud.clientSecret)) == 1
}

func (s *Sim) invalidClient(w *answer, r *http.Request) {
	status := http.StatusBadRequest
	if s.cfg.Switches.InvalidClient401 {
		status = http.StatusUnauthorized
		if _, _, basic := r.BasicAuth(); basic {
			w.header.Set("WWW-Authenticate", `Basic realm="connect"`)
		}
	}
	oauthError(w, status, "invalid_client", "")
}

func oauthError(w *answer, status int, code, description string) {
	v := obj{"error": code}
	if description != "" {
		v["error_description"] = description
	}
	writeJSON(w, status, v)
}

func (s *Sim) grantCode(w *answer, form url.Values, now time.Time) {
	code := s.cloud.codes[form.Get("code")]
	if code == nil || now.After(code.expires) {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	if code.family != nil { // used twice: its tokens are revoked
		code.family.dead = true
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if form.Get("redirect_uri") != code.redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != code.challenge {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	code.family = &family{
		user: code.user, scope: code.scope, authTime: code.authTime, expires: now.Add(s.cfg.Switches.RefreshLifetime),
	}
	s.answerTokens(w, code.family, code.scope, code.nonce, now)
}

// grantRefresh exchanges a refresh token. A scope that is narrower than the consent
// applies to the new access token only: the new refresh token keeps the consent's.
func (s *Sim) grantRefresh(w *answer, form url.Values, now time.Time) {
	t := s.cloud.refresh[form.Get("refresh_token")]
	if t == nil || t.family.dead || !now.Before(t.family.expires) {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	if !t.rotatedAt.IsZero() && !(now.Sub(t.rotatedAt) < s.cfg.Switches.RefreshGrace) {
		t.family.dead = true
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	scope := strings.Fields(form.Get("scope"))
	if slices.ContainsFunc(scope, func(x string) bool { return !slices.Contains(t.family.scope, x) }) {
		oauthError(w, http.StatusBadRequest, "invalid_scope", "")
		return
	}
	if len(scope) == 0 {
		scope = t.family.scope
	}
	if t.rotatedAt.IsZero() {
		t.rotatedAt = now
	}
	if s.cfg.Switches.RefreshSliding {
		t.family.expires = now.Add(s.cfg.Switches.RefreshLifetime)
	}
	s.answerTokens(w, t.family, scope, "", now)
	if s.use(TokenEndpoint502AfterRotation, "") != nil {
		w.replace(http.StatusBadGateway, "text/html", badGatewayPage)
	}
}

func (s *Sim) answerTokens(w *answer, f *family, scope []string, nonce string, now time.Time) {
	access := s.accessToken(f.user, scope, "pwd", f.authTime, now)
	v := obj{
		"access_token": access, "expires_in": int(s.cfg.Switches.AccessLifetime / time.Second), "token_type": "Bearer",
		"scope": strings.Join(scope, " "),
	}
	if slices.Contains(scope, "openid") {
		subject := f.user.Subject
		if wrong := s.useFault(func(f *armedFault) bool { return f.name == WrongIDToken }); wrong != nil {
			subject = s.otherSubject(wrong.target)
		}
		v["id_token"] = s.idToken(subject, nonce, access, f.authTime, now)
	}
	if slices.Contains(f.scope, offlineAccess) {
		token := strings.ToUpper(randomHex(32))
		s.cloud.refresh[token] = &refreshToken{family: f}
		v["refresh_token"] = token
	}
	writeJSON(w, http.StatusOK, v)
}

// otherSubject returns the subject of a user, or one that belongs to no user.
func (s *Sim) otherSubject(email string) string {
	if u := s.cloud.userByEmail(email); u != nil {
		return u.Subject
	}
	return id("subject", "of an unknown user")
}

// grantPassword is the grant of backend clients. It refuses any scope except
// that of the API, and it refuses public clients.
func (s *Sim) grantPassword(w *answer, form url.Values, now time.Time) {
	if s.cfg.World.PublicClient {
		oauthError(w, http.StatusBadRequest, "unauthorized_client", "")
		return
	}
	for x := range strings.FieldsSeq(form.Get("scope")) {
		if x != fullAccess {
			oauthError(w, http.StatusBadRequest, "invalid_scope", "")
			return
		}
	}
	u := s.cloud.userByEmail(form.Get("username"))
	if u == nil || u.Password != form.Get("password") {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "invalid_username_or_password")
		return
	}
	writeJSON(w, http.StatusOK, obj{
		"access_token": s.accessToken(u, []string{fullAccess}, "password", now, now),
		"expires_in":   int(s.cfg.Switches.AccessLifetime / time.Second), "token_type": "Bearer", "scope": fullAccess,
	})
}

// revoke ends the family of a refresh token. As RFC 7009 requires, it answers 200 to
// an unknown token.
func (s *Sim) revoke(w *answer, r *http.Request, form url.Values) {
	if !s.clientAuth(r, form) {
		s.invalidClient(w, r)
		return
	}
	if t := s.cloud.refresh[form.Get("token")]; t != nil {
		t.family.dead = true
	}
	w.WriteHeader(http.StatusOK)
}

// authenticate returns the caller, or writes a 401 with an empty body and returns
// nil. Sim.mu is locked.
func (s *Sim) authenticate(w *answer, r *http.Request, now time.Time) *user {
	u, claims := s.bearer(w, r, now)
	if u != nil && claims["aud"] != apiAudience {
		unauthorized(w, fmt.Sprintf("The audience '%v' is invalid", claims["aud"]))
		return nil
	}
	return u
}

// authenticateAny is authenticate for a token of any scope, and returns the scope.
func (s *Sim) authenticateAny(w *answer, r *http.Request, now time.Time) (*user, []string) {
	u, claims := s.bearer(w, r, now)
	var scope []string
	list, _ := claims["scope"].([]any)
	for _, x := range list {
		if text, ok := x.(string); ok {
			scope = append(scope, text)
		}
	}
	return u, scope
}

// apiAudience is the audience of tokens for the Connect API.
const apiAudience = "user_api"

func (s *Sim) bearer(w *answer, r *http.Request, now time.Time) (*user, obj) {
	token, ok := odata.CutFold(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return nil, nil
	}
	claims, why := s.validClaims(token, now)
	if why != "" {
		unauthorized(w, why)
		return nil, nil
	}
	sub, _ := claims["sub"].(string)
	u := s.cloud.userBySubject(sub)
	if u == nil {
		unauthorized(w, "The user is not known")
	}
	return u, claims
}

func unauthorized(w *answer, why string) {
	w.Header().Set("WWW-Authenticate", invalidToken(why))
	w.WriteHeader(http.StatusUnauthorized)
}

func invalidToken(why string) string {
	return `Bearer error="invalid_token", error_description="` + why + `"`
}

// validClaims returns the claims of an access token, or why it is refused.
func (s *Sim) validClaims(token string, now time.Time) (claims obj, why string) {
	claims, err := jwt.Verify(s.keys, token)
	if err != nil {
		return nil, "The signature key was not found"
	}
	if exp, _ := claims["exp"].(float64); now.Unix() >= int64(exp) {
		return nil, "The token expired at '" + time.Unix(int64(exp), 0).UTC().Format("01/02/2006 15:04:05") + "'"
	}
	if claims["iss"] != s.issuer {
		return nil, "The issuer is invalid"
	}
	return claims, ""
}

// RotateKey makes the identity server sign with a new key. The old keys stay in the
// JWKS unless forget is true.
func (s *Sim) RotateKey(forget bool) {
	key := jwt.NewKey()
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
	return s.signJWT("at+jwt", claims)
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
	return s.signJWT("JWT", claims)
}

// signJWT signs with the newest key. Sim.mu is locked.
func (s *Sim) signJWT(typ string, claims obj) string {
	return jwt.Sign(s.keys[len(s.keys)-1], typ, claims)
}
