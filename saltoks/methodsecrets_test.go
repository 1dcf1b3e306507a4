package saltoks

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestNoMethodRepeatsASecret: every method of every service, before a server
// that puts what it was sent into every place an answer has, and a network
// whose errors do the same.
func TestNoMethodRepeatsASecret(t *testing.T) {
	planted := []string{testToken, "a1b2c", "246810"} // the last two are what publicCalls sends
	echo := func(r *http.Request) string {
		query, _ := url.QueryUnescape(r.URL.RawQuery)
		body := ""
		if r.Body != nil {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
		}
		return strings.Join([]string{r.Header.Get("Authorization"), r.URL.RawQuery, query, body}, " ")
	}
	answers := map[string]func(r *http.Request) (*http.Response, error){
		"the network": func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: errors.New("with " + echo(r))}
		},
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 429, 500} {
		for name, body := range map[string]func(string) string{
			"message":   func(s string) string { return fmt.Sprintf(`{"ErrorCode":"2203","Message":%q}`, s) },
			"code":      func(s string) string { return fmt.Sprintf(`{"ErrorCode":%q}`, strings.TrimPrefix(s, "Bearer ")) },
			"own value": func(s string) string { return fmt.Sprintf(`{"ErrorCode":{"x":%q}}`, s) },
			"inner": func(s string) string {
				_, after, _ := strings.Cut(s, `"otp":"`)
				code, _, _ := strings.Cut(after, `"`)
				return fmt.Sprintf(`{"ErrorCode":"3102","Message":"code: _%s"}`, code)
			},
			"trace": func(s string) string { return fmt.Sprintf(`{"title":"no","traceId":%q}`, s) },
			"text":  func(s string) string { return s },
			"page":  func(s string) string { return "<html>" + s },
			"list": func(s string) string {
				return fmt.Sprintf(`{"items":[],"next_page_link":%q}`, "https://evil.example/?"+s)
			},
			"cut": func(s string) string { return fmt.Sprintf(`{"ErrorCode":"2203","Message":%q,`, s) },
		} {
			answers[fmt.Sprint(status, " ", name)] = func(r *http.Request) (*http.Response, error) {
				said := echo(r)
				return reply(status, body(said), "Location", "https://evil.example/?"+said, "X-Request-Id", said, "Retry-After", "0"), nil
			}
		}
	}
	for name, answer := range answers {
		var mu sync.Mutex
		var log strings.Builder
		c := newTestClient(t, roundTripper(answer), func(cfg *Config) { cfg.UnverifiedEndpoints = true }, func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		c.budget.spent = budgetSize // no retries: they change nothing here
		for method, call := range publicCalls(t, c) {
			seen := ""
			for err := call(t.Context()); err != nil; err = errors.Unwrap(err) {
				seen += fmt.Sprintf("%v %+v %#v\n", err, err, err)
			}
			for _, secret := range planted {
				if strings.Contains(seen+log.String(), secret) {
					t.Errorf("%s, %s: %q in %s%s", name, method, secret, seen, log.String())
				}
			}
			log.Reset()
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
