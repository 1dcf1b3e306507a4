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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

const testPassword = "harbour-test"

// The tests begin on a Wednesday morning, 10:20 at the house. Their clocks stand
// still unless a test moves them: none depends on how fast it runs.
func morning() time.Time { return time.Date(2026, 5, 6, 8, 20, 0, 0, time.UTC) }

// place is a running platform.
type place struct {
	*web
	url string
}

func newPlace(t *testing.T, demo string) *place {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	origin := "http://" + srv.Listener.Addr().String()
	logger := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o := options{db: filepath.Join(t.TempDir(), "coworking.db"), demo: demo, now: morning, rounds: 10, limit: saltoks.NoRateLimit()}
	w, err := open(t.Context(), o, origin, testPassword, logger)
	if err != nil {
		t.Fatal(err)
	}
	w.sessions.now = morning
	srv.Config.Handler = w.handler()
	srv.Start()
	t.Cleanup(func() { srv.Close(); w.close() })
	return &place{w, origin}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// jar keeps cookies by host, also Secure ones: browsers take those from
// loopback, net/http/cookiejar does not.
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

// visitor is one browser without scripts.
type visitor struct {
	t *testing.T
	*place
	client *http.Client
}

func (p *place) visitor(t *testing.T) *visitor {
	return &visitor{t, p, &http.Client{Jar: &jar{kept: map[string]map[string]string{}}}}
}

// as logs somebody in.
func (p *place) as(t *testing.T, who string) *visitor {
	t.Helper()
	v := p.visitor(t)
	v.post("/login", "email", who+"@harbour.example", "password", testPassword).wants(200)
	return v
}

// answer is a page, after redirects.
type answer struct {
	t      *testing.T
	status int
	body   string
	at     *url.URL
	head   http.Header
}

func (v *visitor) do(r *http.Request) answer {
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
	return answer{v.t, resp.StatusCode, string(body), resp.Request.URL, resp.Header}
}

func (v *visitor) get(path string) answer {
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

func (v *visitor) post(path string, fields ...string) answer {
	v.t.Helper()
	return v.do(v.request("POST", path, fields...))
}

// wants demands a status and texts.
func (a answer) wants(status int, texts ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d\n%s", a.at, a.status, status, a.text())
	}
	for _, text := range texts {
		if !strings.Contains(a.text(), text) {
			a.t.Fatalf("%s does not say %q:\n%s", a.at, text, a.text())
		}
	}
	return a
}

// lacks demands that texts are not there.
func (a answer) lacks(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text(), text) {
			a.t.Fatalf("%s says %q:\n%s", a.at, text, a.text())
		}
	}
	return a
}

var (
	tags   = regexp.MustCompile(`(?s)<(?:svg|script|style).*?</(?:svg|script|style)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
	escape = strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#43;", "+")
)

// text is what a reader sees of the page.
func (a answer) text() string {
	if !strings.Contains(a.head.Get("Content-Type"), "html") {
		return a.body
	}
	return spaces.ReplaceAllString(escape.Replace(tags.ReplaceAllString(a.body, " ")), " ")
}

func (p *place) log(t *testing.T) []gate.LogRow {
	t.Helper()
	g, err := p.gate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows []gate.LogRow
	for row, err := range g.Log(t.Context(), gate.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// moved is how often the lock behind a door carried out a command.
func (p *place) moved(t *testing.T, door string) int {
	t.Helper()
	d, err := p.store.Door(context.WithoutCancel(t.Context()), space, door)
	if err != nil {
		t.Fatal(err)
	}
	return p.sim.Movements(d.Link.Lock)
}

func (p *place) to(t *testing.T, at string) {
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

// tapID is a new RequestID.
func tapID() string {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return fmt.Sprintf("tap-of-a-test-%06d", serial.n)
}
