package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
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

// web is the platform's pages.
type web struct {
	*house
	log      *slog.Logger
	sessions *sessions
	consent  *saltoauth.ConsentHandlers
	pages    map[string]*template.Template
	zone     *time.Location
}

func newWeb(h *house, log *slog.Logger) (*web, error) {
	w := &web{house: h, log: log, sessions: newSessions(time.Now), pages: map[string]*template.Template{}}
	rules, err := h.store.Rules(context.Background(), space)
	if err != nil {
		return nil, err
	}
	if w.zone, err = time.LoadLocation(rules.Site.TimeZone); err != nil {
		return nil, err
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").Funcs(w.funcs()).ParseFS(templateFiles, "templates/layout.html", "templates/partials.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		page := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if page == "layout" || page == "partials" {
			continue
		}
		if w.pages[page], err = template.Must(layout.Clone()).ParseFS(templateFiles, name); err != nil {
			return nil, err
		}
	}
	w.consent, err = saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{
		Authorizer:   h.auth,
		Authorize:    w.mayConnect,
		Connected:    w.keepConnection,
		ConnectionID: func(ctx context.Context, _ string) (string, error) { return h.table.setting(ctx, "connection") },
		Done:         "/manage/salto?note=connected",
		Failed:       func(rw http.ResponseWriter, r *http.Request, err error) { w.consentFailed(rw, r, err) },
	})
	return w, err
}

// handler routes. Forms on strange pages are refused by the origin check, and
// what a page may load is only what this program serves.
func (w *web) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(staticFiles))
	mux.HandleFunc("GET /login", w.loginPage)
	mux.HandleFunc("POST /login", w.login)
	mux.HandleFunc("POST /logout", w.logout)
	w.memberRoutes(mux)
	w.managerRoutes(mux)

	identity, err := url.Parse(w.env.Issuer)
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

// view is what every page gets.
type view struct {
	Title   string
	Who     account
	Path    string
	Now     time.Time
	Demo    bool // the clock can be moved, the mailbox read
	Note    string
	Problem string
	Due     *saltoauth.Connection // a connection to renew, for the manager
	Data    any
}

// Name and Manager are for templates, which do not see unexported fields.
func (v view) Name() string  { return v.Who.name }
func (v view) Manager() bool { return v.Who.manager }

// notes are the sentences that a redirect may ask a page to show: never text
// from a URL.
var notes = map[string]string{
	"connected": "SALTO KS is connected.", "saved": "Saved.", "booked": "Booked.", "ended": "The booking has ended.",
	"extended": "The booking is extended.", "cancelled": "The booking is cancelled.", "moved": "The clock was moved.",
	"sent": "The PIN is on its way.", "activated": "The IQ is activated.", "linked": "The lock is linked.", "unlinked": "The lock is unlinked.",
	"disconnected": "SALTO KS is disconnected.", "site": "The site is linked.", "erased": "The person was erased from the logs.",
	"planned": "The plan is there. Choose its doors and hours.", "deleted": "The plan is deleted.",
	"restored": "The IQ is restored. Activate it anew.", "adopted": "SALTO gave the secret out. Now the PIN.",
}

// show renders a page whole before it sends a byte.
func (w *web) show(rw http.ResponseWriter, r *http.Request, status int, page string, v view) {
	v.Who, _ = w.sessions.who(r)
	v.Path, v.Now, v.Demo = r.URL.Path, w.now(), w.sim != nil
	if v.Note == "" {
		v.Note = notes[r.URL.Query().Get("note")]
	}
	if v.Who.manager && page != "wronguser" { // that page has the button itself
		if l, err := w.connected(r.Context()); err == nil && l != nil && (l.conn.Due(v.Now) || l.conn.State == saltoauth.ConnectionReauthorize) {
			v.Due = &l.conn
		}
	}
	var b bytes.Buffer
	if err := w.pages[page].Execute(&b, v); err != nil {
		w.log.Error("rendering", "page", page, "error", err)
		http.Error(rw, "This page could not be made. Please try again.", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = b.WriteTo(rw)
}

// problem is a mistake of the person at the screen: its text is shown.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func bad(format string, args ...any) error {
	return &problem{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

var errIncomplete = bad("This form is incomplete. Please load the page again.")

// formVersion reads a form, and the version of the rules that it was shown for.
func formVersion(r *http.Request) (uint64, error) {
	if err := r.ParseForm(); err != nil {
		return 0, bad("This form could not be read.")
	}
	version, err := strconv.ParseUint(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return 0, errIncomplete
	}
	return version, nil
}

// rulesForForm returns the rules as they are now, and the version the form was
// filled in for.
func (w *web) rulesForForm(r *http.Request) (rules gate.Rules, version uint64, err error) {
	if version, err = formVersion(r); err == nil {
		rules, err = w.store.Rules(r.Context(), space)
	}
	return rules, version, err
}

// failed shows an error: a problem as it is, anything else without its details.
func (w *web) failed(rw http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusInternalServerError, "Something went wrong on our side. Please try again."
	if p, ok := errors.AsType[*problem](err); ok {
		status, text = p.status, p.text
	} else {
		w.log.Error("request failed", "path", r.URL.Path, "error", err)
	}
	w.show(rw, r, status, "problem", view{Title: "That did not work", Problem: text})
}

// member lets only somebody who is logged in through.
func (w *web) member(do func(http.ResponseWriter, *http.Request, account) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		who, ok := w.sessions.who(r)
		if !ok {
			http.Redirect(rw, r, "/login", http.StatusSeeOther)
			return
		}
		if err := do(rw, r, who); err != nil {
			w.failed(rw, r, err)
		}
	}
}

// manager lets only a manager through.
func (w *web) manager(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return w.member(func(rw http.ResponseWriter, r *http.Request, who account) error {
		if !who.manager {
			return &problem{http.StatusForbidden, "This page is for managers."}
		}
		return do(rw, r)
	})
}

func (w *web) mayConnect(r *http.Request) (string, error) {
	if who, ok := w.sessions.who(r); !ok || !who.manager {
		return "", errors.New("not a manager")
	}
	return space, nil
}

// back returns to a page of this program with a note.
func back(rw http.ResponseWriter, r *http.Request, path, note string) error {
	http.Redirect(rw, r, path+"?note="+note, http.StatusSeeOther)
	return nil
}

func (w *web) funcs() template.FuncMap {
	return template.FuncMap{
		"clock":    func(t time.Time) string { return t.In(w.zone).Format("15:04") },
		"exact":    func(t time.Time) string { return t.In(w.zone).Format("15:04:05") },
		"date":     func(t time.Time) string { return t.In(w.zone).Format("Mon 2 Jan 2006") },
		"when":     func(t time.Time) string { return when(t.In(w.zone), w.now().In(w.zone)) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"input":    func(t time.Time) string { return t.In(w.zone).Format("2006-01-02T15:04") },
		"room":     resourceName,
		"hours":    hoursText,
		"schedule": scheduleText,
		"words":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
		"under":    func(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") },
	}
}

// when says a time the way people do: "18:00", "tomorrow 08:00", "Mon 08:00".
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
