package saltokstest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// family is one consent: all refresh tokens that descend from it. Reusing an
// old one kills it (WIRE.md 6, row 2).
type family struct {
	user     *user
	scope    []string
	authTime time.Time
	expires  time.Time
	dead     bool
}

type refreshToken struct {
	family    *family
	rotatedAt time.Time // zero while it is the current one
}

// token is the token endpoint. s.mu is held.
func (s *Sim) token(w *answer, r *http.Request, form url.Values, now time.Time) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		oauthError(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	if !s.clientAuth(r, form) {
		code := http.StatusBadRequest
		if s.cfg.Switches.InvalidClient401 {
			code = http.StatusUnauthorized
		}
		oauthError(w, code, "invalid_client", "")
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

// clientAuth accepts HTTP Basic and the two form fields.
func (s *Sim) clientAuth(r *http.Request, form url.Values) bool {
	clientID, secret, basic := r.BasicAuth()
	if basic {
		// RFC 6749 2.3.1: both halves are form-encoded first.
		if d, err := url.QueryUnescape(clientID); err == nil {
			clientID = d
		}
		if d, err := url.QueryUnescape(secret); err == nil {
			secret = d
		}
	} else {
		clientID, secret = form.Get("client_id"), form.Get("client_secret")
	}
	return clientID == s.ClientID() && subtle.ConstantTimeCompare([]byte(secret), []byte(s.ClientSecret())) == 1
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
	if code.family != nil { // used twice: whoever holds its tokens loses them
		code.family.dead = true
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if form.Get("redirect_uri") != code.redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != code.challenge {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	code.family = &family{user: code.user, scope: code.scope, authTime: code.authTime, expires: now.Add(s.cfg.Switches.RefreshLifetime)}
	s.answerTokens(w, code.family, code.nonce, now)
}

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
	if want := strings.Fields(form.Get("scope")); slices.ContainsFunc(want, func(x string) bool { return !slices.Contains(t.family.scope, x) }) {
		oauthError(w, http.StatusBadRequest, "invalid_scope", "")
		return
	}
	if t.rotatedAt.IsZero() {
		t.rotatedAt = now
	}
	if s.cfg.Switches.RefreshSliding {
		t.family.expires = now.Add(s.cfg.Switches.RefreshLifetime)
	}
	s.answerTokens(w, t.family, "", now)
	if s.use(TokenEndpoint502AfterRotation, "") != nil {
		w.replace(http.StatusBadGateway, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>")
	}
}

func (s *Sim) answerTokens(w *answer, f *family, nonce string, now time.Time) {
	access := s.accessToken(f.user, f.scope, "pwd", f.authTime, now)
	v := obj{
		"access_token": access, "expires_in": int(s.cfg.Switches.AccessLifetime / time.Second), "token_type": "Bearer",
		"scope": strings.Join(f.scope, " "),
	}
	if slices.Contains(f.scope, "openid") {
		v["id_token"] = s.idToken(f.user, nonce, access, f.authTime, now)
	}
	if slices.Contains(f.scope, offlineAccess) {
		token := strings.ToUpper(randomHex(32))
		s.cloud.refresh[token] = &refreshToken{family: f}
		v["refresh_token"] = token
	}
	writeJSON(w, http.StatusOK, v)
}

// grantPassword is what backend clients use. Anything but the one API scope is
// refused (WIRE.md 1.2, measured).
func (s *Sim) grantPassword(w *answer, form url.Values, now time.Time) {
	for _, x := range strings.Fields(form.Get("scope")) {
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

// revoke kills the family of a refresh token; like every revocation endpoint it
// answers 200 to a token it does not know (RFC 7009).
func (s *Sim) revoke(w *answer, r *http.Request, form url.Values) {
	if !s.clientAuth(r, form) {
		oauthError(w, http.StatusBadRequest, "invalid_client", "")
		return
	}
	if t := s.cloud.refresh[form.Get("token")]; t != nil {
		t.family.dead = true
	}
	w.WriteHeader(http.StatusOK)
}
