package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

const testPassword = "harbour-test"

// startTime is a Wednesday at 10:20 in the zone of the site. The clock of a test changes
// only when the test advances it, so no test depends on how long it runs.
func startTime() time.Time { return time.Date(2026, 5, 6, 8, 20, 0, 0, time.UTC) }

// testPlatform is a running platform.
type testPlatform struct {
	*platform
	url string
}

func newTestPlatform(t *testing.T, demo string) *testPlatform {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	origin := "http://" + srv.Listener.Addr().String()
	logger := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o := options{db: filepath.Join(t.TempDir(), "coworking.db"), demo: demo, now: startTime, iterations: 10, limiter: saltoks.NoRateLimit()}
	w, err := open(t.Context(), o, origin, testPassword, logger)
	if err != nil {
		t.Fatal(err)
	}
	w.sessions.now = startTime
	srv.Config.Handler = w.handler()
	srv.Start()
	t.Cleanup(func() { srv.Close(); w.close() })
	return &testPlatform{w, origin}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// jar keeps cookies by host. Like a browser, and unlike net/http/cookiejar, it returns
// Secure cookies to a loopback address over plain HTTP.
type jar struct {
	mu   sync.Mutex
	kept map[string]map[string]string
}

func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.kept[u.Host] == nil {
		j.kept[u.Host] = map[string]string{}
	}
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(j.kept[u.Host], c.Name)
		} else {
			j.kept[u.Host][c.Name] = c.Value
		}
	}
}

func (j *jar) Cookies(u *url.URL) (all []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for name, value := range j.kept[u.Host] {
		all = append(all, &http.Cookie{Name: name, Value: value})
	}
	return all
}

// visitor is a browser without scripts.
type visitor struct {
	t *testing.T
	*testPlatform
	client *http.Client
}

func (p *testPlatform) visitor(t *testing.T) *visitor {
	return &visitor{t, p, &http.Client{Jar: &jar{kept: map[string]map[string]string{}}}}
}

// as returns a visitor who is logged in.
func (p *testPlatform) as(t *testing.T, who string) *visitor {
	t.Helper()
	v := p.visitor(t)
	v.post("/login", "email", who+"@harbour.example", "password", testPassword).want(200)
	return v
}

// response is the response after redirects.
type response struct {
	t      *testing.T
	status int
	body   string
	url    *url.URL
	header http.Header
}

func (v *visitor) do(r *http.Request) response {
	v.t.Helper()
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return response{v.t, resp.StatusCode, string(body), resp.Request.URL, resp.Header}
}

func (v *visitor) get(path string) response {
	v.t.Helper()
	return v.do(v.request("GET", path))
}

func (v *visitor) request(method, path string, fields ...string) *http.Request {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.url)
	}
	return r
}

func (v *visitor) post(path string, fields ...string) response {
	v.t.Helper()
	return v.do(v.request("POST", path, fields...))
}

// tap taps through the API, as the script of the page does.
func (v *visitor) tap(door, id string) response {
	v.t.Helper()
	r := v.request("POST", "/api/doors/"+door+"/unlock")
	r.Header.Set("Content-Type", "application/json")
	r.Body = io.NopCloser(strings.NewReader(`{"request_id":` + strconv.Quote(id) + `,"tapped_ago_ms":0}`))
	return v.do(r)
}

// want fails the test unless the response has the status and contains the texts.
func (a response) want(status int, texts ...string) response {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d\n%s", a.url, a.status, status, a.text())
	}
	for _, text := range texts {
		if !strings.Contains(a.text(), text) {
			a.t.Fatalf("%s does not contain %q:\n%s", a.url, text, a.text())
		}
	}
	return a
}

// wantNot fails the test if the response contains one of the texts.
func (a response) wantNot(texts ...string) response {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text(), text) {
			a.t.Fatalf("%s contains %q:\n%s", a.url, text, a.text())
		}
	}
	return a
}

var (
	tags   = regexp.MustCompile(`(?s)<(?:svg|script|style).*?</(?:svg|script|style)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
	escape = strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#43;", "+")
)

// text returns the visible text of a page.
func (a response) text() string {
	if !strings.Contains(a.header.Get("Content-Type"), "html") {
		return a.body
	}
	return spaces.ReplaceAllString(escape.Replace(tags.ReplaceAllString(a.body, " ")), " ")
}

func (p *testPlatform) doorLog(t *testing.T) []gate.LogRow {
	t.Helper()
	var rows []gate.LogRow
	for row, err := range p.site.Gate.Log(t.Context(), gate.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// movements returns how often the lock of a door has moved.
func (p *testPlatform) movements(t *testing.T, door string) int {
	t.Helper()
	d, err := p.store.Door(context.WithoutCancel(t.Context()), siteID, door)
	if err != nil {
		t.Fatal(err)
	}
	return p.sim.Movements(d.Link.Lock)
}

// setTime advances the clock to a time.
func (p *testPlatform) setTime(t *testing.T, at string) {
	t.Helper()
	want, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	p.sim.Clock().Advance(want.Sub(p.now()))
}

var serial struct {
	sync.Mutex
	n int
}

// newRequestID returns a new request id.
func newRequestID() string {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return fmt.Sprintf("tap-of-a-test-%06d", serial.n)
}

func countOn(n int, part string) []saltokstest.FaultOption {
	return []saltokstest.FaultOption{saltokstest.Count(n), saltokstest.On(part)}
}

// consent sends the form at path, and consents at SALTO as a browser does.
func (v *visitor) consent(path string, choice saltokstest.ConsentChoice) response {
	v.t.Helper()
	login := v.redirected(path)
	back, err := v.sim.Consent(v.t.Context(), login, choice)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.get(back.RequestURI())
}

// redirected returns the target of the redirect after a form, without following it.
func (v *visitor) redirected(path string) string {
	v.t.Helper()
	client := *v.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(v.request("POST", path))
	if err != nil {
		v.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 3 {
		v.t.Fatalf("%s: status %d", path, resp.StatusCode)
	}
	return resp.Header.Get("Location")
}
