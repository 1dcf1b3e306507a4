package saltoks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
)

const testToken = "planted-access-token-7f3a"

// tokenFunc is a function as a TokenSource.
type tokenFunc func(context.Context) (Token, error)

func (f tokenFunc) Token(ctx context.Context) (Token, error) { return f(ctx) }

// testTokens always has a token.
func testTokens(ctx context.Context) (Token, error) {
	return Token{Access: NewSecret(testToken), Subject: "subject-1"}, ctx.Err()
}

// wire answers requests from memory and records them.
type wire struct {
	mu       sync.Mutex
	requests []recorded
	answer   func(*http.Request, string) *http.Response
}

type recorded struct {
	method, target, body string
	header               http.Header
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	w.mu.Lock()
	w.requests = append(w.requests, recorded{r.Method, r.URL.RequestURI(), string(body), r.Header.Clone()})
	w.mu.Unlock()
	resp := w.answer(r, string(body))
	resp.Request = r
	return resp, nil
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.requests)
}

// The names of the fakes that the tests of all packages share.
var reply, verdict = faulttest.Reply, faulttest.Verdict

func always(status int, body string, header ...string) func(*http.Request, string) *http.Response {
	return func(*http.Request, string) *http.Response { return reply(status, body, header...) }
}

func testEnv(api string) Environment {
	return Environment{Name: "test", Issuer: "https://id.example.test", API: api, Events: api}
}

// newTestClient is a client over a transport in memory. Its API has a base path,
// so that an absolute path anywhere is found.
func newTestClient(t testing.TB, rt http.RoundTripper, set ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		Environment: testEnv("https://api.example.test/connect"), Tokens: tokenFunc(testTokens),
		HTTPClient: &http.Client{Transport: rt}, Limiter: NoRateLimit(),
	}
	for _, change := range set {
		change(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tcpClient is a client of a server that listens at url.
func tcpClient(t testing.TB, url string, set ...func(*Config)) *Client {
	t.Helper()
	c := newTestClient(t, nil, append([]func(*Config){func(cfg *Config) {
		cfg.Environment, cfg.HTTPClient = testEnv(url), nil
	}}, set...)...)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// rawServer accepts connections, reads one request from each and hands it over.
func rawServer(t *testing.T, handle func(conn net.Conn, n int)) (url string, requests func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var seen atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveRaw(conn, &seen, handle)
		}
	}()
	return "http://" + l.Addr().String(), func() int { return int(seen.Load()) }
}

// pipeServer is rawServer without a network, for tests under synctest.
func pipeServer(handle func(conn net.Conn, n int)) (hc *http.Client, requests func() int) {
	var seen atomic.Int32
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go serveRaw(far, &seen, handle)
		return near, nil
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}, func() int { return int(seen.Load()) }
}

func serveRaw(conn net.Conn, seen *atomic.Int32, handle func(conn net.Conn, n int)) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		handle(conn, int(seen.Add(1)))
	}
}

// neverCalls are a command with a body and one without.
var neverCalls = map[string]func(context.Context, *Client) error{
	"with a body": func(ctx context.Context, c *Client) error {
		return c.Raw().SetLockState(ctx, "s", "l", Unlocked, NewOTP("a1b2c"), nil)
	},
	"without a body": func(ctx context.Context, c *Client) error {
		_, err := c.Raw().FirstSecret(ctx, "s", "q")
		return err
	},
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// journal records what happened in which order.
type journal struct {
	mu     sync.Mutex
	events []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, fmt.Sprintf(format, args...))
}

func (j *journal) middleware(name string) Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return transportFunc(func(r *http.Request) (*http.Response, error) {
			j.add("%s %s", name, r.Header.Get("Authorization"))
			return next.RoundTrip(r)
		})
	}
}

// countingTokens returns another token each time and counts rejections.
type countingTokens struct {
	j        *journal
	n        atomic.Int32
	rejected atomic.Int32
}

func (c *countingTokens) Token(context.Context) (Token, error) {
	c.j.add("token")
	return Token{Access: NewSecret(fmt.Sprint("t", c.n.Add(1)))}, nil
}

func (c *countingTokens) Reject(_ context.Context, t Token) error {
	c.j.add("reject %s", t.Access.Reveal())
	c.rejected.Add(1)
	return nil
}

func lockIDs(ctx context.Context, c *Client, opts ...ListOption) ([]LockID, error) {
	var ids []LockID
	for l, err := range c.Locks.All(ctx, "s", opts...) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, l.ID)
	}
	return ids, nil
}

func all[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var items []T
	for v, err := range seq {
		if err != nil {
			return items, err
		}
		items = append(items, v)
	}
	return items, nil
}
