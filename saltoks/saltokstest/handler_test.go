package saltokstest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestTooLongABody(t *testing.T) {
	f := newClient(t)
	resp, err := f.http.Post(f.sim.API()+"/v1.2/me", "application/json", strings.NewReader(strings.Repeat(" ", 1<<20+1)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestOutsideTheBasePath(t *testing.T) {
	f := newClient(t)
	req, _ := http.NewRequest("GET", strings.TrimSuffix(f.sim.API(), "/connect")+"/v1.2/me", nil)
	req.Header.Set("Authorization", "Bearer "+f.token)
	if resp, _ := f.send(req); resp.StatusCode != 404 {
		t.Errorf("a path without the base path: %d", resp.StatusCode)
	}
}

// TestSlowBody checks that a body which does not arrive within 30 seconds ends the
// connection, and that the limit does not apply to the answer.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newClient(t)
		conn, err := f.http.Transport.(*http.Transport).DialContext(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		if _, err := io.WriteString(conn, "POST /connect/v1.2/me HTTP/1.1\r\nHost: 127.0.0.1:7002\r\nContent-Length: 9\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil || time.Since(began) != 30*time.Second {
			t.Errorf("%d bytes and %v after %v", n, err, time.Since(began))
		}
		f.sim.Fault(saltokstest.Slow, saltokstest.Delay(time.Minute))
		f.want(200, "", "GET", "/v1.2/me", "")
		f.sim.Fault(saltokstest.Slow, saltokstest.Delay(time.Minute), saltokstest.After())
		f.want(404, "2202", "PATCH", f.locking(), `{"locked_state":"unlocked"}`)
	})
}
