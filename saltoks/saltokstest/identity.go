package saltokstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/jwt"
)

const (
	fullAccess    = "user_api.full_access"
	offlineAccess = "offline_access"
	tokenPath     = "/connect/token"
	sessionCookie = "idsrv.session"
)

func supportedScopes() []string { return []string{"openid", "profile", offlineAccess, fullAccess} }

// session is a login on the identity server's pages.
type session struct {
	user     *user
	loggedIn time.Time
}

// serveIdentity routes the identity server. Its paths are not case-sensitive, as
// SALTO's are not.
func (s *Sim) serveIdentity(w *answer, r *http.Request, path string, body []byte) {
	now := s.Now()
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	path = strings.ToLower(strings.TrimRight(path, "/"))
	if status := s.cloud.oldTokenPaths[path]; status != 0 {
		w.WriteHeader(status)
		return
	}
	line := r.Method + " " + path
	switch line {
	case "GET /.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, s.discovery())
	case "GET /.well-known/openid-configuration/jwks":
		writeJSON(w, http.StatusOK, jwt.JWKS(s.keys))
	case "GET /connect/authorize", "GET /connect/authorize/callback":
		s.authorize(w, r, r.URL.Query(), now)
	case "POST /connect/authorize":
		s.authorize(w, r, form, now)
	case "GET /account/login":
		showPage(w, http.StatusOK, loginPage, obj{"Return": r.URL.Query().Get("ReturnUrl")})
	case "POST /account/login":
		s.login(w, form, now)
	case "GET /consent":
		s.consentForm(w, r)
	case "POST /consent":
		s.consent(w, r, form, now)
	case "POST " + s.cloud.tokenPath:
		s.token(w, r, form, now)
	case "POST /connect/revocation":
		s.revoke(w, r, form)
	case "GET /connect/userinfo", "POST /connect/userinfo":
		s.userinfo(w, r, form, now)
	case "GET /connect/endsession":
		s.endSession(w, r, r.URL.Query())
	case "POST /connect/endsession":
		s.endSession(w, r, form)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// writeJSON writes an answer that must not be cached.
func writeJSON(w *answer, code int, v any) {
	w.header.Set("Content-Type", "application/json")
	w.header.Set("Cache-Control", "no-store")
	w.header.Set("Pragma", "no-cache")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Sim) discovery() obj {
	return obj{
		"issuer":                   s.issuer,
		"jwks_uri":                 s.issuer + "/.well-known/openid-configuration/jwks",
		"authorization_endpoint":   s.issuer + "/connect/authorize",
		"token_endpoint":           s.issuer + s.cloud.tokenPath,
		"userinfo_endpoint":        s.issuer + "/connect/userinfo",
		"end_session_endpoint":     s.issuer + "/connect/endsession",
		"revocation_endpoint":      s.issuer + "/connect/revocation",
		"scopes_supported":         supportedScopes(),
		"grant_types_supported":    []string{"authorization_code", "client_credentials", "password", "refresh_token"},
		"response_types_supported": []string{"code"},
		"response_modes_supported": []string{"query"},
		"prompt_values_supported":  []string{"none", "login", "consent", "select_account"},
		"token_endpoint_auth_methods_supported": []string{
			"client_secret_basic", "client_secret_post", "none",
		},
		"id_token_signing_alg_values_supported":          []string{"RS256"},
		"subject_types_supported":                        []string{"public"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
}

// moveTokenEndpoint makes the discovery document name another path. The old one is
// answered with status from now on.
func (c *cloud) moveTokenEndpoint(to string, status int) {
	to = strings.ToLower(to)
	c.oldTokenPaths[c.tokenPath] = status
	delete(c.oldTokenPaths, to)
	c.tokenPath = to
}

// userinfo requires an access token with the scope openid.
func (s *Sim) userinfo(w *answer, r *http.Request, form url.Values, now time.Time) {
	if t := form.Get("access_token"); t != "" && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+t)
	}
	u, granted := s.authenticateAny(w, r, now)
	if u == nil {
		return
	}
	if !slices.Contains(granted, "openid") {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	v := obj{"sub": u.Subject}
	if slices.Contains(granted, "profile") {
		v["email"], v["given_name"], v["family_name"] = u.Email, u.FirstName, u.LastName
		v["name"] = u.FirstName + " " + u.LastName
	}
	writeJSON(w, http.StatusOK, v)
}

// endSession ends the login of the browser. It redirects to a registered
// post_logout_redirect_uri if an ID token of this server comes with it.
func (s *Sim) endSession(w *answer, r *http.Request, q url.Values) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		delete(s.cloud.sessions, c.Value)
	}
	to := q.Get("post_logout_redirect_uri")
	claims, err := jwt.Verify(s.keys, q.Get("id_token_hint"))
	if err != nil || claims["aud"] != s.ClientID() || to != s.cfg.World.PostLogoutRedirectURI {
		showPage(w, http.StatusOK, textPage, "You are now logged out.")
		return
	}
	result := url.Values{}
	if state := q.Get("state"); state != "" {
		result.Set("state", state)
	}
	redirect(w, withQuery(to, result))
}
