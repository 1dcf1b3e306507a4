package saltoks

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const testToken = "planted-access-token-7f3a"

// staticTokens is a token source that always has one.
type staticTokens struct{ access string }

func (s staticTokens) Token(ctx context.Context) (Token, error) {
	return Token{Access: NewSecret(s.access)}, ctx.Err()
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

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

func always(status int, body string, header ...string) func(*http.Request, string) *http.Response {
	return func(*http.Request, string) *http.Response { return reply(status, body, header...) }
}

// testEnv has a base path, so that an absolute path anywhere fails loudly.
func testEnv(api string) Environment {
	return Environment{Name: "test", Issuer: "https://id.example.test", API: api}
}

func newTestClient(t testing.TB, rt http.RoundTripper, set ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		Environment: testEnv("https://api.example.test/connect"), Tokens: staticTokens{testToken},
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
