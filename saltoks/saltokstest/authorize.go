package saltokstest

import (
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
