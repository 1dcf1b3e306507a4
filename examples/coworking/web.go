package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

//go:embed templates
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// openPages parses each template together with the layout. They are part of the program: one
// with a fault is a fault of the program.
func (p *platform) openPages(ctx context.Context) error {
	rules, err := p.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	if p.zone, err = time.LoadLocation(rules.Site.TimeZone); err != nil {
		return err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	p.pages = map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		p.pages[name] = template.Must(template.New("layout.html").Funcs(p.funcs()).
			ParseFS(templateFiles, "templates/layout.html", "templates/partials.html", file))
	}
	return err
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
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) { p.showError(rw, r, errNotFound) })
	p.memberRoutes(mux)
	p.managerRoutes(mux)

	formTo := "'self'"
	if identity, err := url.Parse(p.issuer); err == nil {
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
	Demo    bool                        // the clock can be advanced, and the mailbox read
	Note    string                      // the key of a message in the layout
	Due     *saltoauth.ConnectionStatus // of the connection to renew, for the manager
	House   house                       // of a page for people who are logged in
	Data    any

	// Of a form that is shown again: what is wrong, or what is to be reviewed, and its input.
	Wrong  *problem
	Review *review
	input  url.Values
}

// Fault returns what is wrong if it is about the field, or nil.
func (v view) Fault(field string) *problem {
	if v.Wrong == nil || v.Wrong.Field != field {
		return nil
	}
	return v.Wrong
}

// Value returns the input in a field of a form that is shown again, or otherwise.
func (v view) Value(field, otherwise string) string {
	if !v.input.Has(field) {
		return otherwise
	}
	return v.input.Get(field)
}

// Chosen reports whether a value is among the input in a field of a form that is shown
// again, or otherwise.
func (v view) Chosen(field, value string, otherwise bool) bool {
	if v.input == nil {
		return otherwise
	}
	return slices.Contains(v.input[field], value)
}

// In returns the view for one of the forms of a page: without the input of the others.
func (v view) In(action string) view {
	if !strings.HasSuffix(v.Path, "/"+action) {
		v.Wrong, v.input = nil, nil
	}
	return v
}

// call is a request of a person who is logged in, and the view of the page that it shows.
type call struct {
	*http.Request
	view
	w http.ResponseWriter
}

// done redirects to a page of this program, which then shows a note, or returns err. The URL
// contains only the key of the note, so that a link cannot make a page show any text.
func (c *call) done(err error, path, note string) error {
	if err == nil {
		http.Redirect(c.w, c.Request, path+"?note="+note, http.StatusSeeOther)
	}
	return err
}

// page shows a page, or returns err.
func (p *platform) page(c *call, err error, name, title string, data any) error {
	if err != nil {
		return err
	}
	status := http.StatusOK
	if c.Wrong != nil {
		status = c.Wrong.status
	}
	c.Title, c.Data = title, data
	p.show(c.w, c.Request, status, name, c.view)
	return nil
}

// pageOf returns a handler of a page that shows only the house.
func (p *platform) pageOf(name, title string) handler {
	return func(c *call) error { return p.page(c, nil, name, title, nil) }
}

// show renders a page completely before it sends the first byte.
func (p *platform) show(rw http.ResponseWriter, r *http.Request, status int, page string, v view) {
	v.Account, _ = p.sessions.account(r)
	v.Path, v.Now, v.Demo = r.URL.Path, p.now(), p.sim != nil
	v.Note = r.URL.Query().Get("note")
	if v.Account.Manager && page != "wronguser" { // that page has its own Reconnect button
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

// problem is an error of the user. Pages show its text, beside the field if it is about one.
type problem struct {
	status  int
	text    string
	Field   string
	Choices []time.Time // the instants that a local time may mean
}

func (p *problem) Error() string { return p.text }

func invalid(format string, args ...any) error { return invalidField("", format, args...) }

func invalidField(field, format string, args ...any) *problem {
	return &problem{status: http.StatusUnprocessableEntity, text: fmt.Sprintf(format, args...), Field: field}
}

// errNotFound is the error for an address that does not exist.
var errNotFound = &problem{status: http.StatusNotFound, text: "There is nothing at this address. It may have been removed."}

// errIncomplete is the error for a form with missing fields.
var errIncomplete = invalid("This form is incomplete. Please load the page again.")

// problemOf returns what a person is told about an error: nil for a fault of this program.
func problemOf(err error) *problem {
	if wrong, ok := errors.AsType[*problem](err); ok {
		return wrong
	}
	if _, ok := errors.AsType[*storage.LockTakenError](err); ok {
		return invalidField("lock", "This lock is already linked to another door.")
	}
	if faulty, ok := errors.AsType[*gate.RequestError](err); ok {
		return invalidField("", "This cannot be saved: %s", faulty)
	}
	switch {
	case errors.Is(err, gate.ErrNoGateway):
		return invalidField("lock", "This lock has no IQ, so it cannot be opened remotely. Assign it to an IQ in SALTO KS first.")
	case errors.Is(err, gate.ErrConflict):
		return &problem{status: http.StatusConflict, text: "Another manager has changed this. Please reload the page and try again."}
	case errors.Is(err, gate.ErrNotFound), errors.Is(err, saltoks.ErrNotFound):
		return errNotFound
	}
	if text := saltoText(err); text != "" {
		return invalidField("", "%s", text)
	}
	return nil
}

// showError shows an error.
func (p *platform) showError(rw http.ResponseWriter, r *http.Request, err error) {
	wrong := problemOf(err)
	if wrong == nil {
		p.log.Error("request failed", "path", r.URL.Path, "error", err)
		wrong = &problem{status: http.StatusInternalServerError, text: "Something went wrong on our side. Please try again."}
	}
	title := "That did not work"
	if wrong.status == http.StatusNotFound {
		title = "Page not found"
	}
	p.show(rw, r, wrong.status, "problem", view{Title: title, Data: wrong})
}

// handler handles a request of a person who is logged in.
type handler func(c *call) error

// form returns a handler for a form. If the form is wrong, or is to be reviewed first, it
// shows its page again, with the input.
func form(page, submit handler) handler {
	return func(c *call) error {
		_ = c.ParseForm() // a field that could not be read is missing
		err := submit(c)
		if !errors.As(err, &c.Review) {
			c.Wrong = problemOf(err)
			if c.Wrong == nil || c.Wrong.status != http.StatusUnprocessableEntity {
				return err
			}
		}
		c.input = c.Form
		return page(c)
	}
}

// member requires a login.
func (p *platform) member(do handler) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		who, ok := p.sessions.account(r)
		if !ok {
			http.Redirect(rw, r, "/login", http.StatusSeeOther)
			return
		}
		h, err := p.house(r.Context())
		if err == nil {
			err = do(&call{Request: r, view: view{Account: who, House: h}, w: rw})
		}
		if err != nil {
			p.showError(rw, r, err)
		}
	}
}

// manager requires the login of a manager.
func (p *platform) manager(do handler) http.HandlerFunc {
	return p.member(func(c *call) error {
		if !c.Account.Manager {
			return &problem{status: http.StatusForbidden, text: "This page is for managers."}
		}
		return do(c)
	})
}

func (p *platform) authorizeConnect(r *http.Request) (string, error) {
	if who, ok := p.sessions.account(r); !ok || !who.Manager {
		return "", errors.New("not a manager")
	}
	return siteID, nil
}

// into returns a function that stores a result, so that several can be read in one
// errors.Join.
func into[T any](to *T) func(T, error) error {
	return func(v T, err error) error {
		*to = v
		return err
	}
}

// collect returns all that a sequence yields.
func collect[T any](all iter.Seq2[T, error]) (list []T, err error) {
	for one, err := range all {
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (p *platform) funcs() template.FuncMap {
	local := func(format string) func(time.Time) string {
		return func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.In(p.zone).Format(format)
		}
	}
	return template.FuncMap{
		"clock":    p.clock,
		"when":     p.when,
		"exact":    local("15:04:05"),
		"date":     local("Mon 2 Jan 2006"),
		"offset":   local("Mon 2 Jan, 15:04 (UTC-07:00)"),
		"input":    local(inputTime),
		"week":     func() []access.Day { return week },
		"has":      slices.Contains[[]string],
		"iso":      rfc3339,
		"past":     func(t time.Time) bool { return !t.IsZero() && !p.now().Before(t) },
		"room":     resourceName,
		"hours":    hoursText,
		"schedule": scheduleText,
		"hoursAt":  hoursAt,
		"words":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
		"under":    func(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") },
	}
}
