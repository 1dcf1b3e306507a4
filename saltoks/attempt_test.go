package saltoks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOutcomeOfBrokenExchanges(t *testing.T) {
	t.Parallel()
	for how, breakIt := range map[string]func(net.Conn){
		"closes after reading": func(c net.Conn) { c.Close() },
		"resets after reading": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); c.Close() },
		"cuts the header":      func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-"); c.Close() },
		"cuts the body":        func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"); c.Close() },
		"cuts a chunked body": func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")
			c.Close()
		},
		"answers something else": func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH\r\n\r\n"); c.Close() },
		"answers too much": func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n%s", strings.Repeat(" ", 2000))
		},
	} {
		for kind, call := range neverCalls {
			t.Run(how+" "+kind, func(t *testing.T) {
				t.Parallel()
				url, requests := rawServer(t, func(c net.Conn, _ int) { breakIt(c) })
				err := call(t.Context(), tcpClient(t, url, func(cfg *Config) { cfg.MaxResponse = 1000 }))
				if got := verdict(err); got != "unconfirmed" {
					t.Errorf("%s: %v", got, err)
				}
				if n := requests(); n != 1 {
					t.Errorf("%d requests on the wire, want exactly one", n)
				}
			})
		}
	}
	t.Run("never answers", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{}, 1)
		url, requests := rawServer(t, func(c net.Conn, _ int) { arrived <- struct{}{}; _, _ = c.Read(make([]byte, 1)) })
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		err := tcpClient(t, url).Raw().SetLockState(ctx, "s", "l", Unlocked, NewOTP("a1b2c"), nil)
		if got := verdict(err); got != "unconfirmed" || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", got, err)
		}
		if n := requests(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("an attempt's time limit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			hc, requests := pipeServer(func(c net.Conn, _ int) { _, _ = c.Read(make([]byte, 1)) })
			begin := time.Now()
			err := tcpClient(
				t,
				"http://127.0.0.1",
				func(cfg *Config) { cfg.HTTPClient = hc },
				func(cfg *Config) { cfg.AttemptTimeout = 3 * time.Second },
			).Raw().SetLockState(

				t.Context(), "s", "l", Unlocked, OTP{}, nil)

			if got := verdict(err); got != "unconfirmed" || !errors.Is(err, context.DeadlineExceeded) || requests() != 1 ||
				time.Since(begin) != 3*time.Second {
				t.Errorf("%s after %v: %v (%d requests)", got, time.Since(begin), err, requests())
			}
		})
	})
}

// TestOutcomeBeforeTheFirstByte: if it is certain that nothing was sent, the outcome is
// NotSent.
func TestOutcomeBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	unlock := neverCalls["with a body"]
	closed := func(t *testing.T) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	t.Run("dial", func(t *testing.T) {
		t.Parallel()
		if err := unlock(t.Context(), tcpClient(t, closed(t))); verdict(err) != "not sent" {
			t.Errorf("%s: %v", verdict(err), err)
		}
	})
	t.Run("dial, below another kind of transport", func(t *testing.T) {
		t.Parallel()
		c := tcpClient(t, closed(t), func(cfg *Config) {
			cfg.HTTPClient = &http.Client{Transport: transportFunc((&http.Transport{}).RoundTrip)}
		})
		if err := unlock(t.Context(), c); verdict(err) != "not sent" {
			t.Errorf("%s: %v", verdict(err), err)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = discardLog()
		srv.StartTLS() // with a certificate that is not trusted
		defer srv.Close()
		if err := unlock(t.Context(), tcpClient(t, srv.URL)); verdict(err) != "not sent" {
			t.Errorf("%s: %v", verdict(err), err)
		}
	})
	t.Run("TLS 1.1 only", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = discardLog()
		srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
		srv.StartTLS()
		defer srv.Close()
		if err := unlock(t.Context(), tcpClient(t, srv.URL)); verdict(err) != "not sent" ||
			!strings.Contains(err.Error(), "protocol version") {
			t.Errorf("%s: %v", verdict(err), err)
		}
	})
	t.Run("context ends while dialing", func(t *testing.T) {
		t.Parallel()
		dialing := make(chan struct{})
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			close(dialing)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-dialing; cancel() }()
		err := unlock(ctx, tcpClient(t, "http://127.0.0.1:1", func(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: tr} }))
		if verdict(err) != "not sent" || !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "Environment.API") {
			t.Errorf("%s: %v", verdict(err), err)
		}
	})
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		url, requests := rawServer(t, func(net.Conn, int) {})
		c, err := NewClient(Config{Environment: testEnv(url), Tokens: tokenFunc(func(context.Context) (Token, error) {
			return Token{}, fmt.Errorf("consent is over: %w", ErrReauthorize)
		})})
		if err != nil {
			t.Fatal(err)
		}
		err = unlock(t.Context(), c)
		if verdict(err) != "not sent" || !errors.Is(err, ErrReauthorize) || requests() != 0 {
			t.Errorf("%s: %v", verdict(err), err)
		}
	})
	t.Run("limiter", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			limiter, err := NewLimiter(LimiterConfig{Commands: 0.1, CommandBurst: 1})
			if err != nil {
				t.Fatal(err)
			}
			w := &wire{answer: always(200, "")}
			c := newTestClient(t, w, func(cfg *Config) { cfg.Limiter = limiter })
			if err := unlock(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begin := time.Now()
			err = unlock(ctx, c)
			if verdict(err) != "not sent" || !errors.Is(err, ErrRateLimited) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", verdict(err), err)
			}
			if took := time.Since(begin); took != 0 {
				t.Errorf("waited %v for what could not be in time", took)
			}
			if w.count() != 1 {
				t.Errorf("%d requests", w.count())
			}
		})
	})
	t.Run("bad arguments", func(t *testing.T) {
		t.Parallel()
		w := &wire{answer: always(200, "")}
		c := newTestClient(t, w)
		_, err0 := c.Users.Create(t.Context(), "s", NewUser{FirstName: "only"})
		_, err1 := c.Users.CreateGuest(t.Context(), "s", "alias", time.Time{})
		_, err2 := c.Users.Update(t.Context(), "s", "u", UserChange{})
		_, err3 := c.AccessGroups.Create(t.Context(), "s", "")
		_, err4 := c.AccessGroups.AddTimeSchedule(t.Context(), "s", "g", TimeSchedule{})
		_, err5 := c.Raw().SecretByOTP(t.Context(), "s", "q", OTP{})
		for _, err := range []error{
			err0, err1, err2, err3, err4, err5,
			c.Raw().SetLockState(t.Context(), "", "l", Unlocked, OTP{}, nil), c.Raw().SetLockState(t.Context(), "s", "..", Unlocked, OTP{}, nil),
			c.Raw().SetLockState(t.Context(), "s", "a/b", Unlocked, OTP{}, nil), c.Raw().SetLockState(t.Context(), "s", "%2e", Unlocked, OTP{}, nil),
			c.Raw().SetLockState(t.Context(), "s", "l", "open", OTP{}, nil), c.Raw().ConfirmPIN(t.Context(), "s", "q", OTP{}),
			c.Raw().RequestPIN(t.Context(), "s", "q", 0), c.AccessGroups.AddUser(t.Context(), "s", "g", ""),
			c.Locks.SetSchedule(t.Context(), "s", "l", LockSchedule{Weekdays: EveryDay()}),
			c.Users.SetSubscription(t.Context(), "s", "u", "paused"),
			c.AccessGroups.AddLock(t.Context(), "s", "g", ""),
		} {
			if verdict(err) != "not sent" {
				t.Errorf("%s: %v", verdict(err), err)
			}
		}
		if w.count() != 0 {
			t.Errorf("%d requests", w.count())
		}
	})
}

// TestNoProofIsUnconfirmed: a transport that reports nothing may have sent the request.
func TestNoProofIsUnconfirmed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testNoProof)
}

func testNoProof(t *testing.T) {
	c := newTestClient(t, transportFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }))
	if err := neverCalls["with a body"](t.Context(), c); verdict(err) != "unconfirmed" {
		t.Errorf("%s: %v", verdict(err), err)
	}
	// A failed read changes nothing at SALTO.
	if _, err := c.Locks.Get(t.Context(), "s", "l"); verdict(err) != "not sent" {
		t.Errorf("%s: %v", verdict(err), err)
	}
}

// TestChainOrder: every attempt waits for the limiter, then takes a token, then
// runs through the middleware to the network.
func TestChainOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		statuses := []int{503, 429, 200}
		start := time.Now()
		base := transportFunc(func(r *http.Request) (*http.Response, error) {
			j.add("network after %v", time.Since(start).Round(time.Second))
			status := statuses[0]
			statuses = statuses[1:]
			return reply(status, goldenLock, "Retry-After", "2"), nil
		})
		limiter, err := NewLimiter(LimiterConfig{Reads: 0.1, ReadBurst: 1}) // one in ten seconds
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewClient(
			Config{
				Environment: testEnv("https://api.example.test"),
				Tokens:      &countingTokens{j: &j},
				Limiter:     limiter,
				HTTPClient:  &http.Client{Transport: base},
				Middleware:  []Middleware{j.middleware("outer"), j.middleware("inner")},
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"token", "outer Bearer t1", "inner Bearer t1", "network after 0s",
			"token", "outer Bearer t2", "inner Bearer t2", "network after 10s", // limited inside the retry
			"token", "outer Bearer t3", "inner Bearer t3", "network after 20s",
		}
		if diff := cmp.Diff(want, j.events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestMiddlewareCannotRepeatACommand: not even a middleware that retries.
func TestMiddlewareCannotRepeatACommand(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(500, "")}
	c := newTestClient(t, w, func(cfg *Config) {
		cfg.Middleware = []Middleware{func(next http.RoundTripper) http.RoundTripper {
			return transportFunc(func(r *http.Request) (*http.Response, error) {
				if _, err := next.RoundTrip(r); err != nil {
					return nil, err
				}
				return next.RoundTrip(r)
			})
		}}
	})
	err := c.Raw().SetLockState(t.Context(), "s", "l", Unlocked, OTP{}, nil)
	if verdict(err) != "unconfirmed" || w.count() != 1 || !errors.Is(err, errSecondSend) {
		t.Errorf("%s after %d requests: %v", verdict(err), w.count(), err)
	}
}
