package serving_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/examples/internal/serving"
)

func TestListenRefusesPublicAddresses(t *testing.T) {
	for addr, allowed := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "[::1]:0": true,
		":0": false, "0.0.0.0:0": false, "[::]:0": false, "192.0.2.1:0": false, "example.test:0": false,
	} {
		l, err := serving.Listen(addr, false)
		switch {
		case err == nil:
			l.Close()
			if !allowed {
				t.Errorf("%s: Listen succeeded, want an error", addr)
			}
		case allowed && !strings.Contains(addr, "::1"): // a machine may lack IPv6
			t.Errorf("%s: %v", addr, err)
		case !allowed && !strings.Contains(err.Error(), "-insecure-http"):
			t.Errorf("%s: the error does not name the flag: %v", addr, err)
		}
	}
	l, err := serving.Listen("0.0.0.0:0", true)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// The server closes a connection whose request body never ends.
func TestServeLimitsReadTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() {
			served <- serving.Serve(t.Context(), l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
			}))
		}()
		conn, err := l.dial(t.Context(), "tcp", "127.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		_, _ = io.ReadAll(conn)
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("the connection stayed open for %s, want at most 20s", took)
		}
		l.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve returned %v, want net.ErrClosed", err)
		}
	})
}
