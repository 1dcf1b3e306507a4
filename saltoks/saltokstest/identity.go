package saltokstest

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	fullAccess    = "user_api.full_access"
	offlineAccess = "offline_access"
	codeLifetime  = 5 * time.Minute
	sessionCookie = "idsrv.session"
)

var scopes = []string{"openid", "profile", offlineAccess, fullAccess}

// authCode is one authorization code.
type authCode struct {
	user      *user
	redirect  string
	challenge string
	nonce     string
	scope     []string
	authTime  time.Time
	expires   time.Time
	family    *family // set when it was used
}

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

// authorize checks the request and sends the browser to the login, to the
// consent, or back to the client with an error.
func (s *Sim) authorize(w *answer, r *http.Request, q url.Values) {
	if why := s.badClient(q); why != "" {
		showPage(w, http.StatusBadRequest, textPage, why) // never redirect to an address nobody registered
		return
	}
	switch want := strings.Fields(q.Get("scope")); {
	case q.Get("response_type") != "code":
		s.redirectError(w, q, "unsupported_response_type")
	case len(want) == 0 || slices.ContainsFunc(want, func(x string) bool { return !slices.Contains(scopes, x) }):
		s.redirectError(w, q, "invalid_scope")
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		s.redirectError(w, q, "invalid_request")
	case s.sessionUser(r) == nil:
		redirect(w, "/Account/Login?"+url.Values{"ReturnUrl": {"/connect/authorize/callback?" + q.Encode()}}.Encode())
	default:
		redirect(w, "/consent?"+url.Values{"returnUrl": {"/connect/authorize/callback?" + q.Encode()}}.Encode())
	}
}

func (s *Sim) badClient(q url.Values) string {
	switch {
	case q.Get("client_id") != s.ClientID():
		return "Unknown client or client not enabled."
	case !slices.Contains(s.cloud.redirects, q.Get("redirect_uri")):
		return "Invalid redirect_uri."
	}
	return ""
}

func (s *Sim) sessionUser(r *http.Request) *user {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	return s.cloud.sessions[c.Value]
}

func (s *Sim) login(w *answer, form url.Values) {
	back := form.Get("ReturnUrl")
	u := s.cloud.userByEmail(form.Get("email"))
	if u == nil || u.Password != form.Get("password") {
		showPage(w, http.StatusOK, loginPage, obj{"Return": back, "Error": "Invalid username or password"})
		return
	}
	if !strings.HasPrefix(back, "/connect/authorize/") {
		showPage(w, http.StatusBadRequest, textPage, "Invalid return URL.")
		return
	}
	session := randomHex(16)
	s.cloud.sessions[session] = u
	w.header.Set("Set-Cookie", (&http.Cookie{Name: sessionCookie, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}).String())
	redirect(w, back)
}

// pending is the authorize request that a login or consent page carries along.
func (s *Sim) pending(returnURL string) (url.Values, string) {
	_, raw, _ := strings.Cut(returnURL, "?")
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, "Invalid return URL."
	}
	return q, s.badClient(q)
}

// asked is what a logged-in user is asked to consent to; there is no user when
// it said why not.
func (s *Sim) asked(w *answer, r *http.Request, back string) (url.Values, *user) {
	q, why := s.pending(back)
	u := s.sessionUser(r)
	if why == "" && u == nil {
		why = "You are not logged in."
	}
	if why != "" {
		showPage(w, http.StatusBadRequest, textPage, why)
		return nil, nil
	}
	return q, u
}

func (s *Sim) consentForm(w *answer, r *http.Request) {
	back := r.URL.Query().Get("returnUrl")
	q, u := s.asked(w, r, back)
	if u == nil {
		return
	}
	asked := strings.Fields(q.Get("scope"))
	showPage(w, http.StatusOK, consentPage, obj{
		"Return": back, "Client": s.ClientID(), "Email": u.Email,
		"Full": slices.Contains(asked, fullAccess), "Offline": slices.Contains(asked, offlineAccess),
	})
}

func (s *Sim) consent(w *answer, r *http.Request, form url.Values, now time.Time) {
	q, u := s.asked(w, r, form.Get("returnUrl"))
	if u == nil {
		return
	}
	if form.Get("button") != "yes" {
		s.redirectError(w, q, "access_denied")
		return
	}
	var granted []string
	for _, x := range strings.Fields(q.Get("scope")) {
		box := x == fullAccess || x == offlineAccess
		if !box || slices.Contains(form["ScopesConsented"], x) {
			granted = append(granted, x)
		}
	}
	code := strings.ToUpper(randomHex(32))
	s.cloud.codes[code] = &authCode{
		user: u, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce"),
		scope: granted, authTime: now, expires: now.Add(codeLifetime),
	}
	s.redirectBack(w, q, url.Values{
		"code": {code}, "scope": {strings.Join(granted, " ")}, "session_state": {randomHex(16)}, "iss": {s.issuer},
	})
}

func (s *Sim) redirectError(w *answer, q url.Values, code string) {
	s.redirectBack(w, q, url.Values{"error": {code}, "iss": {s.issuer}})
}

func (s *Sim) redirectBack(w *answer, q, result url.Values) {
	if st := q.Get("state"); st != "" {
		result.Set("state", st)
	}
	to := q.Get("redirect_uri")
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	redirect(w, to+sep+result.Encode())
}

func redirect(w *answer, to string) {
	w.header.Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

func showPage(w *answer, code int, t *template.Template, data any) {
	w.header.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_ = t.Execute(w, data)
}

var (
	textPage = template.Must(template.New("text").Parse(`<!DOCTYPE html><html><head><title>SALTO simulator</title></head><body><p>{{.}}</p></body></html>
`))
	loginPage = template.Must(template.New("login").Parse(`<!DOCTYPE html><html><head><title>Log in</title></head><body><h1>Log in</h1>
{{with .Error}}<p class="error">{{.}}</p>{{end}}<form method="post" action="/Account/Login">
<input type="hidden" name="ReturnUrl" value="{{.Return}}">
<label>E-mail <input name="email" type="email" autofocus></label>
<label>Password <input name="password" type="password"></label>
<button name="button" value="login">Log in</button></form></body></html>
`))
	consentPage = template.Must(template.New("consent").Parse(`<!DOCTYPE html><html><head><title>Allow access</title></head><body>
<h1>{{.Client}} asks for your permission</h1><p>You are {{.Email}}.</p><form method="post" action="/consent">
<input type="hidden" name="returnUrl" value="{{.Return}}">
{{if .Full}}<label><input type="checkbox" name="ScopesConsented" value="user_api.full_access" checked> Full access</label>{{end}}
{{if .Offline}}<label><input type="checkbox" name="ScopesConsented" value="offline_access" checked> Offline access</label>{{end}}
<button name="button" value="yes">Yes, allow</button> <button name="button" value="no">No</button></form></body></html>
`))
)
