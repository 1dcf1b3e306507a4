package saltoks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// These tests require that a command is one request on the wire.

// TestRedirects: a command follows none; a read follows one that keeps the
// origin and the method, and no other.
func TestRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for kind, call := range neverCalls {
			t.Run(fmt.Sprint(status, " ", kind), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					http.Redirect(w, r, "/elsewhere", status)
				}))
				defer srv.Close()
				err := call(t.Context(), tcpClient(t, srv.URL))
				want := "refused"
				if status == 302 || status == 303 {
					want = "unconfirmed" // a server may answer a command that it has carried out like this
				}
				if verdict(err) != want || requests.Load() != 1 {
					t.Errorf("%s after %d requests: %v", verdict(err), requests.Load(), err)
				}
			})
		}
	}
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another origin was asked, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(stranger.Close)
	for _, tt := range []struct {
		name, location string
		requests       int32
		ok             bool
	}{
		{"same origin", "/moved", 2, true},
		{"another scheme", "https://{host}/moved", 1, false},
		{"another port", stranger.URL + "/moved", 1, false},
		{"endless", "/v1.2/sites/s/locks/l", 4, false},
	} {
		t.Run("read, "+tt.name, func(t *testing.T) {
			var requests atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				if r.Header.Get("Authorization") != "Bearer "+testToken {
					t.Errorf("authorization %q", r.Header.Get("Authorization"))
				}
				if r.URL.Path == "/moved" {
					_, _ = io.WriteString(w, goldenLock)
					return
				}
				http.Redirect(w, r, strings.Replace(tt.location, "{host}", r.Host, 1), http.StatusTemporaryRedirect)
			}))
			defer srv.Close()
			_, err := tcpClient(t, srv.URL).Locks.Get(t.Context(), "s", "l")
			e, _ := errors.AsType[*APIError](err)
			if (err == nil) != tt.ok || requests.Load() != tt.requests || !tt.ok && e.Status != 307 {
				t.Errorf("%d requests: %v", requests.Load(), err)
			}
		})
	}
}

// TestDeadIdleConnection: the server closes an idle connection while the next request is
// sent on it. net/http then repeats a GET, as it does here for a read. A command never
// uses an idle connection, and is sent once.
func TestDeadIdleConnection(t *testing.T) {
	t.Parallel()
	handle := func(c net.Conn, n int) {
		if n == 2 {
			c.Close() // after the second request, without an answer
			return
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"id\":\"l\",\"secret\":\"s1\"}")
	}
	first := map[string]func(context.Context, *Client) error{"a read": func(ctx context.Context, c *Client) error {
		_, err := c.Locks.Get(ctx, "s", "l")
		return err
	}}
	maps.Copy(first, neverCalls)
	for kind, call := range neverCalls {
		for before, warm := range first {
			t.Run(kind+" after "+before, func(t *testing.T) {
				t.Parallel()
				url, requests := rawServer(t, handle)
				c := tcpClient(t, url)
				if err := warm(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				err := call(t.Context(), c)
				if got := verdict(err); got != "unconfirmed" {
					t.Errorf("%s: %v", got, err)
				}
				if n := requests(); n != 2 {
					t.Errorf("%d requests on the wire, want one and one command", n)
				}
			})
		}
	}
	t.Run("a transport of another kind", func(t *testing.T) {
		// net/http below an opaque RoundTripper: the connection cannot be chosen,
		// so the request itself must not be repeatable.
		t.Parallel()
		for kind, call := range neverCalls {
			url, requests := rawServer(t, handle)
			tr := &http.Transport{}
			t.Cleanup(tr.CloseIdleConnections)
			c := tcpClient(t, url, func(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: transportFunc(tr.RoundTrip)} })
			if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
				t.Fatal(err)
			}
			if err := call(t.Context(), c); verdict(err) != "unconfirmed" {
				t.Errorf("%s: %s: %v", kind, verdict(err), err)
			}
			if n := requests(); n != 2 {
				t.Errorf("%s: %d requests on the wire, want the read and one command", kind, n)
			}
		}
	})
	t.Run("a read", func(t *testing.T) {
		t.Parallel()
		url, requests := rawServer(t, handle)
		c := tcpClient(t, url)
		for range 2 {
			if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
				t.Fatal(err)
			}
		}
		if n := requests(); n != 3 {
			t.Errorf("%d requests, want 3: the lost one was repeated", n)
		}
	})
}

// TestCommandsOverTLS: reads share an HTTP/2 connection; each command has one of
// its own, by HTTP/1.1, whose rules of repeating are known.
func TestCommandsOverTLS(t *testing.T) {
	t.Parallel()
	type arrival struct{ method, proto, from string }
	var mu sync.Mutex
	var seen []arrival
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, arrival{r.Method, r.Proto, r.RemoteAddr})
		_, _ = io.WriteString(w, goldenLock)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	c := tcpClient(t, srv.URL, func(cfg *Config) { cfg.HTTPClient = srv.Client() })
	for range 2 {
		if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
			t.Fatal(err)
		}
		if err := c.Raw().SetLockState(t.Context(), "s", "l", Unlocked, OTP{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	reads, commands := map[string]bool{}, map[string]bool{}
	for _, a := range seen {
		switch a.method + " " + a.proto {
		case "GET HTTP/2.0":
			reads[a.from] = true
		case "PATCH HTTP/1.1":
			commands[a.from] = true
		default:
			t.Errorf("%+v", a)
		}
	}
	if len(reads) != 1 || len(commands) != 2 {
		t.Errorf("%d connections for two reads, %d for two commands", len(reads), len(commands))
	}
}
