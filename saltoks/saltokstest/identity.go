package saltokstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var scopes = []string{"openid", "profile", offlineAccess, fullAccess}

// serveIdentity routes the identity server. Paths do not mind case, as on the
// real one.
func (s *Sim) serveIdentity(w *answer, r *http.Request, path string, body []byte) {
	now := s.Now()
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method + " " + strings.ToLower(strings.TrimRight(path, "/")) {
	case "GET /.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, s.discovery())
	case "GET /.well-known/openid-configuration/jwks":
		writeJSON(w, http.StatusOK, s.jwks())
	case "GET /connect/authorize", "GET /connect/authorize/callback":
		s.authorize(w, r, r.URL.Query())
	case "GET /account/login":
		showPage(w, http.StatusOK, loginPage, obj{"Return": r.URL.Query().Get("ReturnUrl")})
	case "POST /account/login":
		s.login(w, form)
	case "GET /consent":
		s.consentForm(w, r)
	case "POST /consent":
		s.consent(w, r, form, now)
	case "POST /connect/token":
		s.token(w, r, form, now)
	case "POST /connect/revocation":
		s.revoke(w, r, form)
	case "GET /connect/userinfo", "POST /connect/userinfo":
		s.userinfo(w, r, now)
	case "GET /connect/endsession":
		if c, err := r.Cookie(sessionCookie); err == nil {
			delete(s.cloud.sessions, c.Value)
		}
		showPage(w, http.StatusOK, textPage, "You are now logged out.")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func writeJSON(w *answer, code int, v any) {
	w.header.Set("Content-Type", "application/json")
	w.header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Sim) discovery() obj {
	return obj{
		"issuer":                                s.issuer,
		"jwks_uri":                              s.issuer + "/.well-known/openid-configuration/jwks",
		"authorization_endpoint":                s.issuer + "/connect/authorize",
		"token_endpoint":                        s.issuer + "/connect/token",
		"userinfo_endpoint":                     s.issuer + "/connect/userinfo",
		"end_session_endpoint":                  s.issuer + "/connect/endsession",
		"revocation_endpoint":                   s.issuer + "/connect/revocation",
		"scopes_supported":                      scopes,
		"grant_types_supported":                 []string{"authorization_code", "client_credentials", "password", "refresh_token"},
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"subject_types_supported":               []string{"public"},
		"code_challenge_methods_supported":      []string{"S256"},
	}
}

func (s *Sim) userinfo(w *answer, r *http.Request, now time.Time) {
	if u := s.authenticate(w, r, now); u != nil {
		writeJSON(w, http.StatusOK, obj{
			"sub": u.Subject, "email": u.Email, "given_name": u.FirstName, "family_name": u.LastName,
			"name": u.FirstName + " " + u.LastName,
		})
	}
}
