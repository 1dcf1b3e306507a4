package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

//go:embed templates
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// openPages parses each template together with the layout.
func (p *platform) openPages(ctx context.Context) error {
	rules, err := p.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	if p.zone, err = time.LoadLocation(rules.Site.TimeZone); err != nil {
		return err
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return err
	}
	layout, err := template.New("layout.html").Funcs(p.funcs()).
		ParseFS(templateFiles, "templates/layout.html", "templates/partials.html")
	if err != nil {
		return err
	}
	p.pages = map[string]*template.Template{}
	for _, name := range names {
		page := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if page == "layout" || page == "partials" {
			continue
		}
		if p.pages[page], err = template.Must(layout.Clone()).ParseFS(templateFiles, name); err != nil {
			return err
		}
	}
	return nil
}

// handler returns the handler of all pages. It refuses forms of other origins, and its
// content security policy allows only resources of this program.
func (p *platform) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(staticFiles))
	mux.HandleFunc("GET /login", p.loginPage)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /logout", p.logout)
	mux.Handle("/api/", http.StripPrefix("/api", p.api))
	p.memberRoutes(mux)
	p.managerRoutes(mux)

	identity, err := url.Parse(p.issuer)
	formTo := "'self'"
	if err == nil {
		formTo += " " + identity.Scheme + "://" + identity.Host // the consent's redirect
	}
	csp := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; form-action " + formTo
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		head := rw.Header()
		head.Set("Content-Security-Policy", csp)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "same-origin")
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			head.Set("Cache-Control", "no-store")
		}
		r.Body = http.MaxBytesReader(rw, r.Body, 64<<10)
		mux.ServeHTTP(rw, r)
	}))
}

// view is the data of every page.
type view struct {
	Title   string
	Account account
	Path    string
	Now     time.Time
	Demo    bool // the clock can be advanced, and the mailbox read
	Note    string
	Problem string
	Due     *saltoauth.ConnectionStatus // of the connection to renew, for the manager
	Data    any
}

// Name and Manager are for the templates, which cannot read unexported fields.
func (v view) Name() string  { return v.Account.name }
func (v view) Manager() bool { return v.Account.manager }

// notes are the messages that a page may show after a redirect. The URL contains only the
// key, so that a link cannot make a page show any text.
var notes = map[string]string{
	"connected":    "SALTO KS is connected.",
	"saved":        "Saved.",
	"booked":       "Booked.",
	"ended":        "The booking has ended.",
	"extended":     "The booking is extended.",
	"canceled":     "The booking is canceled.",
	"moved":        "The clock was advanced.",
	"sent":         "The PIN is on its way.",
	"activated":    "The IQ is activated.",
	"linked":       "The lock is linked.",
	"unlinked":     "The lock is unlinked.",
	"disconnected": "SALTO KS is disconnected.",
	"site":         "The site is linked.",
	"erased":       "The person was erased from the logs.",
	"planned":      "The plan is added. Choose its doors and hours.",
	"deleted":      "The plan is deleted.",
	"restored":     "The IQ is restored. Activate it again.",
	"adopted":      "SALTO accepted the code. Now enter the PIN.",
}

// show renders a page completely before it sends the first byte.
func (p *platform) show(rw http.ResponseWriter, r *http.Request, status int, page string, v view) {
	v.Account, _ = p.sessions.account(r)
	v.Path, v.Now, v.Demo = r.URL.Path, p.now(), p.sim != nil
	if v.Note == "" {
		v.Note = notes[r.URL.Query().Get("note")]
	}
	if v.Account.manager && page != "wronguser" { // that page has its own Reconnect button
		status, err := p.site.Status(r.Context())
		if err == nil && (status.Due(v.Now) || status.State == saltoauth.ConnectionReauthorize) {
			v.Due = &status
		}
	}
	var b bytes.Buffer
	if err := p.pages[page].Execute(&b, v); err != nil {
		p.log.Error("rendering", "page", page, "error", err)
		http.Error(rw, "This page cannot be shown. Please try again.", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = b.WriteTo(rw)
}

// problem is an error of the user. Pages show its text.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func invalid(format string, args ...any) error {
	return &problem{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

// errNotFound is the error for an address that does not exist.
var errNotFound = &problem{http.StatusNotFound, "This page does not exist."}

// errIncomplete is the error for a form with missing fields.
var errIncomplete = invalid("This form is incomplete. Please load the page again.")

// formVersion parses a form and returns the version of the rules that it is based on.
func formVersion(r *http.Request) (uint64, error) {
	if err := r.ParseForm(); err != nil {
		return 0, invalid("This form could not be read.")
	}
	version, err := strconv.ParseUint(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return 0, errIncomplete
	}
	return version, nil
}

// rulesForForm returns the current rules, and the version that the form is based on.
func (p *platform) rulesForForm(r *http.Request) (rules gate.Rules, version uint64, err error) {
	if version, err = formVersion(r); err == nil {
		rules, err = p.store.Rules(r.Context(), siteID)
	}
	return rules, version, err
}

// showError shows an error: the text of a problem, and a general message for others.
func (p *platform) showError(rw http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusInternalServerError, "Something went wrong on our side. Please try again."
	if wrong, ok := errors.AsType[*problem](err); ok {
		status, text = wrong.status, wrong.text
	} else {
		p.log.Error("request failed", "path", r.URL.Path, "error", err)
	}
	p.show(rw, r, status, "problem", view{Title: "That did not work", Problem: text})
}

// member requires a login.
func (p *platform) member(do func(http.ResponseWriter, *http.Request, account) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		who, ok := p.sessions.account(r)
		if !ok {
			http.Redirect(rw, r, "/login", http.StatusSeeOther)
			return
		}
		if err := do(rw, r, who); err != nil {
			p.showError(rw, r, err)
		}
	}
}

// manager requires the login of a manager.
func (p *platform) manager(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return p.member(func(rw http.ResponseWriter, r *http.Request, who account) error {
		if !who.manager {
			return &problem{http.StatusForbidden, "This page is for managers."}
		}
		return do(rw, r)
	})
}

func (p *platform) authorizeConnect(r *http.Request) (string, error) {
	if who, ok := p.sessions.account(r); !ok || !who.manager {
		return "", errors.New("not a manager")
	}
	return siteID, nil
}

// redirectWithNote redirects to a page of this program, which then shows a note.
func redirectWithNote(rw http.ResponseWriter, r *http.Request, path, note string) error {
	http.Redirect(rw, r, path+"?note="+note, http.StatusSeeOther)
	return nil
}

func (p *platform) funcs() template.FuncMap {
	return template.FuncMap{
		"clock":    func(t time.Time) string { return t.In(p.zone).Format("15:04") },
		"exact":    func(t time.Time) string { return t.In(p.zone).Format("15:04:05") },
		"date":     func(t time.Time) string { return t.In(p.zone).Format("Mon 2 Jan 2006") },
		"when":     func(t time.Time) string { return when(t.In(p.zone), p.now().In(p.zone)) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"input":    func(t time.Time) string { return t.In(p.zone).Format("2006-01-02T15:04") },
		"past":     func(t time.Time) bool { return !t.IsZero() && !p.now().Before(t) },
		"room":     resourceName,
		"hours":    hoursText,
		"schedule": scheduleText,
		"words":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
		"under":    func(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") },
	}
}

// when returns a time in short form: "18:00", "tomorrow 08:00", "Mon 08:00".
func when(t, now time.Time) string {
	day := func(t time.Time) time.Time { y, m, d := t.Date(); return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	switch days := int(day(t).Sub(day(now)).Hours() / 24); {
	case days == 0:
		return t.Format("15:04")
	case days == 1:
		return "tomorrow " + t.Format("15:04")
	case days == -1:
		return "yesterday " + t.Format("15:04")
	case days > 1 && days < 7:
		return t.Format("Mon 15:04")
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}
