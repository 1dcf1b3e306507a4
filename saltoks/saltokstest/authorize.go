package saltokstest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const codeLifetime = 5 * time.Minute

// authCode is an authorization code.
type authCode struct {
	user      *user
	redirect  string
	challenge string
	nonce     string
	scope     []string
	authTime  time.Time
	expires   time.Time
	family    *family // set when the code has been used
}

// authorize checks an authorization request and redirects the browser to the login
// page, to the consent page, or back to the client.
func (s *Sim) authorize(w *answer, r *http.Request, q url.Values, now time.Time) {
	if why := s.badClient(q); why != "" {
		showPage(w, http.StatusBadRequest, textPage, why) // never redirect to an unregistered URI
		return
	}
	if code := badAuthorizeRequest(q); code != "" {
		s.redirectError(w, q, code)
		return
	}
	login := s.session(r)
	prompt := strings.Fields(q.Get("prompt"))
	switch {
	case needsLogin(login, prompt, q.Get("max_age"), now):
		if slices.Contains(prompt, "none") {
			s.redirectError(w, q, "login_required")
			return
		}
		next := "/connect/authorize/callback?" + afterLogin(q).Encode()
		redirect(w, "/Account/Login?"+url.Values{"ReturnUrl": {next}}.Encode())
	case !slices.Contains(prompt, "none"):
		redirect(w, "/consent?"+url.Values{"returnUrl": {"/connect/authorize/callback?" + q.Encode()}}.Encode())
	case !s.cloud.consented(login.user, strings.Fields(q.Get("scope"))):
		s.redirectError(w, q, "consent_required")
	default:
		s.sendCode(w, q, login, strings.Fields(q.Get("scope")), now)
	}
}

// badAuthorizeRequest returns the OAuth error of a request that is not valid, or "".
func badAuthorizeRequest(q url.Values) string {
	scope, prompt := strings.Fields(q.Get("scope")), strings.Fields(q.Get("prompt"))
	known := func(x string) bool { return slices.Contains(supportedScopes(), x) }
	switch {
	case q.Get("response_type") != "code":
		return "unsupported_response_type"
	case len(scope) == 0 || slices.ContainsFunc(scope, func(x string) bool { return !known(x) }):
		return "invalid_scope"
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256",
		q.Has("response_mode") && q.Get("response_mode") != "query",
		slices.Contains(prompt, "none") && len(prompt) > 1,
		slices.ContainsFunc(prompt, func(x string) bool {
			return !slices.Contains([]string{"none", "login", "consent", "select_account"}, x)
		}):
		return "invalid_request"
	}
	if age := q.Get("max_age"); age != "" {
		if n, err := strconv.Atoi(age); err != nil || n < 0 {
			return "invalid_request"
		}
	}
	return ""
}

func needsLogin(login *session, prompt []string, maxAge string, now time.Time) bool {
	if login == nil || slices.Contains(prompt, "login") || slices.Contains(prompt, "select_account") {
		return true
	}
	seconds, err := strconv.Atoi(maxAge)
	return err == nil && now.Sub(login.loggedIn) > time.Duration(seconds)*time.Second
}

// afterLogin removes the parameters of an authorization request that the login
// has satisfied.
func afterLogin(q url.Values) url.Values {
	next := maps.Clone(q)
	next.Del("max_age")
	var prompt []string
	for x := range strings.FieldsSeq(q.Get("prompt")) {
		if x != "login" && x != "select_account" {
			prompt = append(prompt, x)
		}
	}
	next.Set("prompt", strings.Join(prompt, " "))
	return next
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

func (s *Sim) session(r *http.Request) *session {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	return s.cloud.sessions[c.Value]
}

func (s *Sim) login(w *answer, form url.Values, now time.Time) {
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
	id := randomHex(16)
	s.cloud.sessions[id] = &session{user: u, loggedIn: now}
	cookie := &http.Cookie{Name: sessionCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	w.header.Set("Set-Cookie", cookie.String())
	redirect(w, back)
}

// pending returns the authorization request of a login or consent page, or why
// it is refused.
func (s *Sim) pending(returnURL string) (url.Values, string) {
	_, raw, _ := strings.Cut(returnURL, "?")
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, "Invalid return URL."
	}
	return q, s.badClient(q)
}

// pendingConsent returns the request that the logged-in user is asked to consent to.
// When it returns no session, the error page has been written.
func (s *Sim) pendingConsent(w *answer, r *http.Request, back string) (url.Values, *session) {
	q, why := s.pending(back)
	login := s.session(r)
	if why == "" && login == nil {
		why = "You are not logged in."
	}
	if why != "" {
		showPage(w, http.StatusBadRequest, textPage, why)
		return nil, nil
	}
	return q, login
}

func (s *Sim) consentForm(w *answer, r *http.Request) {
	back := r.URL.Query().Get("returnUrl")
	q, login := s.pendingConsent(w, r, back)
	if login == nil {
		return
	}
	scope := strings.Fields(q.Get("scope"))
	showPage(w, http.StatusOK, consentPage, obj{
		"Return": back, "Client": s.ClientID(), "Email": login.user.Email,
		"Full": slices.Contains(scope, fullAccess), "Offline": slices.Contains(scope, offlineAccess),
	})
}

func (s *Sim) consent(w *answer, r *http.Request, form url.Values, now time.Time) {
	q, login := s.pendingConsent(w, r, form.Get("returnUrl"))
	if login == nil {
		return
	}
	if code := badAuthorizeRequest(q); code != "" {
		s.redirectError(w, q, code)
		return
	}
	if form.Get("button") != "yes" {
		s.redirectError(w, q, "access_denied")
		return
	}
	var granted []string
	for x := range strings.FieldsSeq(q.Get("scope")) {
		box := x == fullAccess || x == offlineAccess
		if !box || slices.Contains(form["ScopesConsented"], x) {
			granted = append(granted, x)
		}
	}
	s.cloud.consents[login.user.ID] = granted
	s.sendCode(w, q, login, granted, now)
}

// consented reports whether the user's last consent covers a scope.
func (c *cloud) consented(u *user, scope []string) bool {
	granted := c.consents[u.ID]
	return !slices.ContainsFunc(scope, func(x string) bool { return !slices.Contains(granted, x) })
}

func (s *Sim) sendCode(w *answer, q url.Values, login *session, granted []string, now time.Time) {
	code := strings.ToUpper(randomHex(32))
	s.cloud.codes[code] = &authCode{
		user: login.user, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce"),
		scope: granted, authTime: login.loggedIn, expires: now.Add(codeLifetime),
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
	redirect(w, withQuery(q.Get("redirect_uri"), result))
}

// withQuery adds parameters to a URL that may have some already.
func withQuery(to string, params url.Values) string {
	switch {
	case len(params) == 0:
		return to
	case strings.Contains(to, "?"):
		return to + "&" + params.Encode()
	}
	return to + "?" + params.Encode()
}

func redirect(w *answer, to string) {
	w.header.Set("Location", to)
	w.WriteHeader(http.StatusFound)
}
