package saltoks

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSendDeadlineLeft: Left is the shorter of the time by the clock and the time that
// has not elapsed.
func TestSendDeadlineLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var off time.Duration
		clock := func() time.Time { return time.Now().Add(off) }
		d := NewSendDeadline(clock().Add(10*time.Second), clock)
		for _, step := range []struct {
			name string
			do   func()
			want time.Duration
		}{
			{"at once", func() {}, 10 * time.Second},
			{"3 s later", func() { time.Sleep(3 * time.Second) }, 7 * time.Second},
			{"the clock is set back", func() { off = -time.Hour }, 7 * time.Second},
			{"2 s later", func() { time.Sleep(2 * time.Second) }, 5 * time.Second},
			{"the clock is set ahead", func() { off = time.Second }, 4 * time.Second},
			{"the clock is an hour ahead", func() { off = time.Hour }, 5*time.Second - time.Hour},
			{"a clock of 1970", func() { off = -60 * 365 * 24 * time.Hour }, 0},
			{"to the nanosecond", func() { off = 5 * time.Second }, 0},
		} {
			step.do()
			if got := d.Left(); got != step.want {
				t.Errorf("%s: %v left, want %v", step.name, got, step.want)
			}
		}
		if got := (*SendDeadline)(nil).Left(); got < 24*365*time.Hour {
			t.Errorf("no deadline leaves %v", got)
		}
		if got := new(SendDeadline).Left(); got > 0 {
			t.Errorf("a zero deadline leaves %v", got)
		}
	})
}

// TestSendDeadlineIgnoresTheMonotonicClock: while a machine is suspended the
// monotonic clock stops, so only wall clocks are compared.
func TestSendDeadlineIgnoresTheMonotonicClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := NewSendDeadline(now.Add(10*time.Second), func() time.Time { return now })
	if !strings.Contains(now.String(), "m=+") || strings.Contains(d.at.String(), "m=") {
		t.Errorf("the deadline %v keeps a monotonic reading, or the clock %v has none", d.at, now)
	}
}

// TestLateConnectionIsClosed: a connection that is ready too late is not used.
func TestLateConnectionIsClosed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	d := NewSendDeadline(now.Add(time.Minute), func() time.Time { return now })
	ctx, s, end := newSending(t.Context(), d, true)
	defer end()
	now = now.Add(time.Minute) // to the nanosecond: "before" is before
	near, far := net.Pipe()
	defer far.Close()
	if s.connected(near); !s.isLate() {
		t.Error("a late connection may be used")
	}
	if _, err := near.Write([]byte("PATCH")); err == nil || ctx.Err() == nil {
		t.Errorf("a write: %v; the context: %v", err, ctx.Err())
	}
}

// TestAttemptsKeepTheirDeadline: a retry that could only start too late is not
// made, and nothing starts after the deadline.
func TestAttemptsKeepTheirDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: always(503, "", "Retry-After", "5")}
		c := newTestClient(t, w)
		request := func(d time.Duration) *Request {
			r, err := c.NewRequest("PUT", "/v1.2/x")
			if err != nil {
				t.Fatal(err)
			}
			r.Class, r.Deadline = Idempotent, NewSendDeadline(time.Now().Add(d), nil)
			return r
		}
		begin := time.Now()
		_, err := c.Do(t.Context(), request(3*time.Second), nil)
		if w.count() != 1 || time.Since(begin) != 0 || verdict(err) != "unconfirmed" {
			t.Errorf("%d requests after %v: %v", w.count(), time.Since(begin), err)
		}
		late := request(time.Second)
		time.Sleep(time.Second)
		if _, err := c.Do(t.Context(), late, nil); !errors.Is(err, ErrSendBy) || verdict(err) != "not sent" || w.count() != 1 {
			t.Errorf("%d requests: %v", w.count(), err)
		}
	})
}

// TestDeadlineOfARead: a SendDeadline ends the start of any request, not the wait for its
// answer.
func TestDeadlineOfARead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		starts time.Duration // a middleware takes that long
		want   string
	}{"in time": {0, "accepted"}, "too late": {3 * time.Second, "not sent"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hc, requests := pipeServer(func(c net.Conn, _ int) {
					time.Sleep(5 * time.Second)
					fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
					c.Close()
				})
				c := tcpClient(t, "http://127.0.0.1", func(cfg *Config) { cfg.HTTPClient = hc }, func(cfg *Config) {
					cfg.Middleware = []Middleware{func(next http.RoundTripper) http.RoundTripper {
						return transportFunc(func(r *http.Request) (*http.Response, error) {
							time.Sleep(tt.starts)
							return next.RoundTrip(r)
						})
					}}
				})
				r, err := c.NewRequest("GET", "/v1.1/x")
				if err != nil {
					t.Fatal(err)
				}
				r.Deadline = NewSendDeadline(time.Now().Add(2*time.Second), nil)
				_, err = c.Do(t.Context(), r, nil)
				if late := tt.want == "not sent"; verdict(err) != tt.want || errors.Is(err, ErrSendBy) != late || late == (requests() == 1) {
					t.Errorf("%s: %v (%d requests)", verdict(err), err, requests())
				}
			})
		})
	}
}

// TestDeadlineOfAMiddlewaresAnswer: an answer that did not need the network is valid after
// the deadline.
func TestDeadlineOfAMiddlewaresAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: always(500, "")}
		c := newTestClient(t, w, func(cfg *Config) {
			cfg.Middleware = []Middleware{func(http.RoundTripper) http.RoundTripper {
				return transportFunc(func(*http.Request) (*http.Response, error) {
					time.Sleep(2 * time.Second)
					return reply(200, "{}"), nil
				})
			}}
		})
		r, err := c.NewRequest("GET", "/v1.1/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Deadline = NewSendDeadline(time.Now().Add(time.Second), nil)
		if _, err := c.Do(t.Context(), r, nil); err != nil || w.count() != 0 {
			t.Errorf("%v (%d requests)", err, w.count())
		}
	})
}
