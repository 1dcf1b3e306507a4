package saltoks

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// TestUnauthorized: a 401 marks the token stale. A read is retried once with the next
// token, a command is not.
func TestUnauthorized(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call     func(context.Context, *Client) error
		requests int
	}{
		"a read": {func(ctx context.Context, c *Client) error { _, err := c.Locks.Get(ctx, "s", "l"); return err }, 2},
		"an idempotent call": {func(ctx context.Context, c *Client) error {
			return c.Users.SetSubscription(ctx, "s", "u", Subscribed)
		}, 2},
		"a command": {func(ctx context.Context, c *Client) error {
			return c.Raw().SetLockState(ctx, "s", "l", Locked, OTP{}, nil)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &wire{answer: always(401, "", "WWW-Authenticate", "Bearer")}
			tokens := &countingTokens{j: new(journal)}
			c, err := NewClient(
				Config{Environment: testEnv("https://api.example.test"), Tokens: tokens, HTTPClient: &http.Client{Transport: w}},
			)
			if err != nil {
				t.Fatal(err)
			}
			err = tt.call(t.Context(), c)
			if !errors.Is(err, ErrUnauthorized) || verdict(err) != "refused" {
				t.Errorf("%s: %v", verdict(err), err)
			}
			if w.count() != tt.requests || int(tokens.rejected.Load()) != tt.requests {
				t.Errorf("%d requests, %d rejected", w.count(), tokens.rejected.Load())
			}
		})
	}
}

// TestRetries: the number of attempts, the waits, and the error.
func TestRetries(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, c *Client) error { _, err := c.Locks.Get(ctx, "s", "l"); return err }
	patch := func(ctx context.Context, c *Client) error { return c.Users.SetSubscription(ctx, "s", "u", Subscribed) }
	update := func(ctx context.Context, c *Client) error {
		_, err := c.Users.Update(ctx, "s", "u", UserChange{UsePIN: new(true)})
		return err
	}
	remove := func(ctx context.Context, c *Client) error { return c.Users.Delete(ctx, "s", "u") }
	answers := func(a ...*http.Response) func(int) (*http.Response, error) {
		return func(n int) (*http.Response, error) { return a[min(n, len(a)-1)], nil }
	}
	for _, tt := range []struct {
		name        string
		call        func(context.Context, *Client) error
		answer      func(n int) (*http.Response, error)
		attempts    int
		least, most time.Duration
		verdict     string
		cause       error
		noAnswer    bool // to the last attempt
	}{
		{"503, then good", get, answers(reply(503, ""), reply(200, goldenLock)), 2, 0, 500 * time.Millisecond, "accepted", nil, false},
		{"502 every time", get, answers(reply(502, "<html>")), 4, 0, 4 * time.Second, "not sent", nil, false},
		{"a write, 502 every time", patch, answers(reply(502, "<html>")), 4, 0, 4 * time.Second, "unconfirmed", nil, false},
		{"a change, 502 every time", update, answers(reply(502, "<html>")), 4, 0, 4 * time.Second, "unconfirmed", nil, false},
		{"a write, 502 then refused", patch, answers(reply(502, ""), reply(403, "")), 2, 0, time.Second, "unconfirmed", ErrForbidden, false},
		{"a read, 502 then refused", get, answers(reply(502, ""), reply(403, "")), 2, 0, time.Second, "refused", ErrForbidden, false},
		{"a write, 429 then refused", patch, answers(reply(429, ""), reply(403, "")), 2, 0, time.Second, "refused", ErrForbidden, false},
		{"a delete, 502 then gone", remove, answers(reply(502, ""), reply(404, "")), 2, 0, time.Second, "accepted", nil, false},
		{"a delete, not there", remove, answers(reply(404, "")), 1, 0, 0, "refused", ErrNotFound, false},
		{"400", get, answers(reply(400, "")), 1, 0, 0, "not sent", nil, false},
		{"501", get, answers(reply(501, "")), 1, 0, 0, "not sent", nil, false},
		{"Retry-After in seconds", get, answers(reply(429, "", "Retry-After", "7"), reply(200, goldenLock)), 2, 7 * time.Second,
			8 * time.Second, "accepted", nil, false},
		{"Retry-After as a date", get, func(n int) (*http.Response, error) {
			if n == 0 {
				return reply(503, "", "Retry-After", time.Now().Add(9*time.Second).UTC().Format(http.TimeFormat)), nil
			}
			return reply(200, goldenLock), nil
		}, 2, 8 * time.Second, 10 * time.Second, "accepted", nil, false},
		{"Retry-After of a day", get, answers(reply(429, "", "Retry-After", "86400")), 1, 0, 0, "refused", ErrRateLimited, false},
		{"Retry-After beyond all", get, answers(reply(503, "", "Retry-After", "9223372036854775807")), 1, 0, 0, "not sent", nil, false},
		{"the network fails, then good", get, func(n int) (*http.Response, error) {
			if n < 2 {
				return nil, io.ErrUnexpectedEOF
			}
			return reply(200, goldenLock), nil
		}, 3, 0, 2 * time.Second, "accepted", nil, false},
		{"a cut body, then good", get, func(n int) (*http.Response, error) {
			resp := reply(200, goldenLock)
			if n == 0 {
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF)))
			}
			return resp, nil
		}, 2, 0, time.Second, "accepted", nil, false},
		{"a cut body every time, in a write", patch, func(int) (*http.Response, error) {
			resp := reply(200, goldenLock)
			resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
			return resp, nil
		}, 4, 0, 4 * time.Second, "unconfirmed", io.ErrUnexpectedEOF, false},
		{"a write, 502 then no answer", patch, func(n int) (*http.Response, error) {
			if n == 0 {
				return reply(502, ""), nil
			}
			return nil, io.ErrUnexpectedEOF
		}, 4, 0, 4 * time.Second, "unconfirmed", io.ErrUnexpectedEOF, true},
		{"a write, a cut body, then no answer", patch, func(n int) (*http.Response, error) {
			if n == 0 {
				resp := reply(200, "")
				resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
				return resp, nil
			}
			return nil, io.ErrUnexpectedEOF
		}, 4, 0, 4 * time.Second, "unconfirmed", io.ErrUnexpectedEOF, true},
		{"a bad certificate", get, func(int) (*http.Response, error) {
			return nil, &tls.CertificateVerificationError{Err: errors.New("untrusted")}
		}, 1, 0, 0, "not sent", nil, true},
		{"not JSON", get, answers(reply(200, "<html>")), 1, 0, 0, "not sent", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var n int
				c := newTestClient(t, transportFunc(func(*http.Request) (*http.Response, error) {
					n++
					return tt.answer(n - 1)
				}))
				begin := time.Now()
				err := tt.call(t.Context(), c)
				took := time.Since(begin)
				if got := verdict(err); got != tt.verdict || tt.cause != nil && !errors.Is(err, tt.cause) {
					t.Errorf("%s: %v", got, err)
				}
				if n != tt.attempts || took < tt.least || took > tt.most {
					t.Errorf("%d attempts in %v, want %d in %v to %v", n, took, tt.attempts, tt.least, tt.most)
				}
				if e, ok := errors.AsType[*APIError](err); ok && (e.Attempts != n || tt.noAnswer != (e.Status == 0)) {
					t.Errorf("the error speaks of %d attempts and status %d", e.Attempts, e.Status)
				}
			})
		})
	}
}

// TestRetryEndsWithContext: a sleep ends with the context, and the answer that
// led to it is not lost; a sleep that could not end in time is not begun.
func TestRetryEndsWithContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: always(503, "", "Retry-After", "20")}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begin := time.Now()
		_, err := newTestClient(t, w).Locks.Get(ctx, "s", "l")
		e, _ := errors.AsType[*APIError](err)
		if took := time.Since(begin); took != 3*time.Second || !errors.Is(err, context.Canceled) || e.Status != 503 || w.count() != 1 {
			t.Errorf("%v: %v", took, err)
		}

		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin = time.Now()
		_, err = newTestClient(t, w).Locks.Get(ctx, "s", "l")
		e, _ = errors.AsType[*APIError](err)
		if took := time.Since(begin); took != 0 || e.RetryAfter != 20*time.Second {
			t.Errorf("%v: %v", took, err)
		}
	})
}

// TestRetryBudget: in an outage a client stops retrying, and starts again after a
// success.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: always(503, "")}
		c := newTestClient(t, w)
		const calls = 100
		for range calls {
			_, _ = c.Locks.Get(t.Context(), "s", "l")
		}
		if extra := w.count() - calls; extra != budgetSize/budgetRetry {
			t.Errorf("%d retries, want %d", extra, budgetSize/budgetRetry)
		}
		w.answer = always(200, goldenLock)
		for range budgetRetry {
			if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
				t.Fatal(err)
			}
		}
		w.answer = always(503, "")
		before := w.count()
		_, _ = c.Locks.Get(t.Context(), "s", "l")
		if n := w.count() - before; n != 2 {
			t.Errorf("%d attempts, want one retry earned back", n)
		}
	})
}

// Calls that their callers cancel take no retries from the others.
func TestCanceledCallsAreNotRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		c := newTestClient(t, w)
		for range 2 * budgetSize / budgetRetry {
			ctx, cancel := context.WithCancel(t.Context())
			w.answer = func(*http.Request, string) *http.Response { cancel(); return reply(503, "") }
			_, err := c.Locks.Get(ctx, "s", "l")
			cancel()
			if e, ok := errors.AsType[*APIError](err); !ok || e.Attempts != 1 || e.Status != 503 {
				t.Errorf("%v", err)
			}
		}
		w.answer = always(503, "")
		before := w.count()
		_, _ = c.Locks.Get(t.Context(), "s", "l")
		if n := w.count() - before; n != 1+maxRetries {
			t.Errorf("%d attempts, want %d", n, 1+maxRetries)
		}
	})
}

func TestBackoffIsJitteredAndBounded(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for attempt := range 40 {
		d := backoff(attempt)
		if d < 0 || d >= longestWait {
			t.Errorf("attempt %d waits %v", attempt, d)
		}
		seen[d] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d different waits", len(seen))
	}
}

// TestCanceledRetryIsUnconfirmed: the caller cancels while a second attempt is in
// progress. It may be carried out, whatever the answer to the first one was.
func TestCanceledRetryIsUnconfirmed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		call func(context.Context, *Client) error
		want string
	}{
		{"a write", func(ctx context.Context, c *Client) error { return c.Users.SetSubscription(ctx, "s", "u", Subscribed) }, "unconfirmed"},
		{"a read", func(ctx context.Context, c *Client) error { _, err := c.Locks.Get(ctx, "s", "l"); return err }, "not sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				c := newTestClient(t, transportFunc(func(r *http.Request) (*http.Response, error) {
					if n++; n == 1 {
						return reply(429, "", "Retry-After", "1"), nil
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				}))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err := tt.call(ctx, c)
				e, _ := errors.AsType[*APIError](err)
				if got := verdict(err); got != tt.want || !errors.Is(err, context.DeadlineExceeded) || e.Attempts != 2 || e.Status != 0 {
					t.Errorf("%s: %v", got, err)
				}
			})
		})
	}
}

// What creates something is one request: a second one would create it twice.
func TestCreatingIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(context.Context, *Client) error{
		"a user": func(ctx context.Context, c *Client) error {
			_, err := c.Users.Create(ctx, "s", NewUser{FirstName: "a", LastName: "b"})
			return err
		},
		"a guest": func(ctx context.Context, c *Client) error {
			_, err := c.Users.CreateGuest(ctx, "s", "alias", time.Now().Add(time.Hour))
			return err
		},
		"a PIN": func(ctx context.Context, c *Client) error {
			_, err := c.Users.IssuePIN(ctx, "s", "u", time.Time{})
			return err
		},
		"an access group": func(ctx context.Context, c *Client) error {
			_, err := c.AccessGroups.Create(ctx, "s", "g")
			return err
		},
	} {
		w := &wire{answer: always(502, "")}
		if err := create(t.Context(), newTestClient(t, w)); verdict(err) != "unconfirmed" || w.count() != 1 {
			t.Errorf("%s: %s after %d requests: %v", name, verdict(err), w.count(), err)
		}
	}
}
