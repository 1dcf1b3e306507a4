package saltokstest

import (
	"context"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// ConsentChoice is what the administrator does on the identity server's pages. The
// zero value logs in as the world's first user and ticks neither box.
type ConsentChoice struct {
	// Email and Password are the login; empty is the world's first user.
	Email, Password string
	// FullAccess and OfflineAccess tick the two boxes of the consent page.
	FullAccess, OfflineAccess bool
	// Deny denies the consent.
	Deny bool
}

// Allow logs in as the world's first user and ticks both boxes.
func Allow() ConsentChoice { return ConsentChoice{FullAccess: true, OfflineAccess: true} }

// ErrLogin reports that the identity server refused the email and password.
var ErrLogin = errors.New("saltokstest: the login page refused the email and password")

// Consent acts as the administrator's browser: it opens authorizeURL over HTTP, logs
// in, submits the consent page, and returns the URL that the browser would have been
// redirected to, without opening it. A page that refuses the request (an unknown
// client or redirect URI) is an error that contains the page's text.
func (s *Sim) Consent(ctx context.Context, authorizeURL string, choice ConsentChoice) (*url.URL, error) {
	if choice.Email == "" {
		u := s.World().Users[0]
		choice.Email, choice.Password = u.Email, u.Password
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{home: s.issuer, client: s.HTTPClient()}
	b.client.Jar = jar
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	if err := b.get(ctx, authorizeURL); err != nil {
		return nil, err
	}
	for b.back == nil {
		form := hidden(b.page)
		switch {
		case strings.Contains(b.page, `class="error"`):
			return nil, ErrLogin
		case strings.Contains(b.page, `name="password"`):
			form.Set("email", choice.Email)
			form.Set("password", choice.Password)
			err = b.post(ctx, "/Account/Login", form)
		case strings.Contains(b.page, `action="/consent"`):
			form.Set("button", "yes")
			if choice.Deny {
				form.Set("button", "no")
			}
			if choice.FullAccess && strings.Contains(b.page, fullAccess) {
				form.Add("ScopesConsented", fullAccess)
			}
			if choice.OfflineAccess && strings.Contains(b.page, offlineAccess) {
				form.Add("ScopesConsented", offlineAccess)
			}
			err = b.post(ctx, "/consent", form)
		default:
			return nil, fmt.Errorf("saltokstest: the identity server answered %d: %s", b.status, text(b.page))
		}
		if err != nil {
			return nil, err
		}
	}
	return b.back, nil
}

// browser follows redirects within the identity server.
type browser struct {
	client *http.Client
	home   string
	page   string
	status int
	back   *url.URL // the first redirect that leaves the identity server
}

func (b *browser) get(ctx context.Context, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return err
	}
	return b.do(ctx, req)
}

func (b *browser) post(ctx context.Context, path string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.home+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(ctx, req)
}

func (b *browser) do(ctx context.Context, req *http.Request) error {
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	b.page, b.status = string(body), resp.StatusCode
	loc, err := resp.Location()
	if err != nil {
		return nil // a page, not a redirect
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(loc.String()), b.home); ok {
		for _, page := range []string{"/connect/", "/account/", "/consent"} {
			if strings.HasPrefix(rest, page) {
				return b.get(ctx, loc.String())
			}
		}
	}
	b.back = loc
	return nil
}

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	anyTag      = regexp.MustCompile(`<[^>]*>`)
)

func hidden(page string) url.Values {
	v := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(page, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

func text(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(anyTag.ReplaceAllString(page, " "))), " ")
}

func showPage(w *answer, code int, t *template.Template, data any) {
	w.header.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_ = t.Execute(w, data)
}

var (
	textPage = template.Must(template.New("text").Parse(`<!DOCTYPE html><html><head><title>SALTO simulator</title></head>
<body><p>{{.}}</p></body></html>
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
