package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatehttp"
)

// app is a mobile app: the address of the server and the member's token.
type app struct {
	*testing.T
	base, token string
}

func (a app) call(method, path, body string) (int, map[string]any) {
	a.Helper()
	req, err := http.NewRequestWithContext(a.Context(), method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	var v any
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		a.Fatal(err)
	}
	return resp.StatusCode, v.(map[string]any)
}

func (a app) want(got map[string]any, key string, want any) {
	a.Helper()
	if got[key] != want {
		a.Errorf("%s is %v, want %v, in %v", key, got[key], want, got)
	}
}

// TestMain runs the program instead of the tests when a test starts this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_DIGITAL_KEYS") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestDigitalKeys runs the program and sends the requests of two members' apps.
func TestDigitalKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, no program is run")
	}
	cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "RUN_DIGITAL_KEYS=1")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	base := lines.Text()
	tokens := map[string]string{}
	for range 2 {
		lines.Scan()
		m := regexp.MustCompile(`Bearer (\S+)'.*# (\S+)`).FindStringSubmatch(lines.Text())
		tokens[m[2]] = m[1]
	}
	ada, bob := app{t, base, tokens["ada"]}, app{t, base, tokens["bob"]}

	_, keys := ada.call("GET", "/keys", "")
	list := keys["keys"].([]any)
	if len(list) != 2 {
		t.Fatalf("Ada has %d keys, want 2", len(list))
	}
	ada.want(list[0].(map[string]any), "name", "Front Door")
	ada.want(list[0].(map[string]any), "open", true)

	// A retry of the same tap returns the same receipt.
	const id = `{"request_id": "tap-0123456789abcdef"}`
	for range 2 {
		status, r := ada.call("POST", "/doors/front/unlock", id)
		ada.want(r, "outcome", "accepted")
		ada.want(r, "message", "The door is open.")
		if status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	_, r := ada.call("GET", "/receipts/tap-0123456789abcdef", "")
	ada.want(r, "outcome", "accepted")

	// Another member cannot read the receipt. They cannot open the door before their
	// membership starts.
	if status, _ := bob.call("GET", "/receipts/tap-0123456789abcdef", ""); status != http.StatusNotFound {
		t.Errorf("Bob requests Ada's receipt: status %d, want 404", status)
	}
	_, keys = bob.call("GET", "/keys", "")
	bob.want(keys["keys"].([]any)[0].(map[string]any), "open", false)
	bob.want(keys["keys"].([]any)[0].(map[string]any), "reason", "not_started")
	_, r = bob.call("POST", "/doors/front/unlock", `{"request_id": "tap-fedcba9876543210"}`)
	bob.want(r, "outcome", "denied")

	// The same id for another door is an error of the app.
	status, r := ada.call("POST", "/doors/studio/unlock", id)
	ada.want(r, "code", "request_reused")
	if status != http.StatusUnprocessableEntity {
		t.Errorf("status %d, want 422", status)
	}
	_, r = ada.call("POST", "/doors/studio/office-mode", `{"request_id": "keep-0123456789abcdef"}`)
	ada.want(r, "outcome", "accepted")
	_, r = ada.call("POST", "/doors/studio/lock", `{"request_id": "lock-0123456789abcdef"}`)
	ada.want(r, "outcome", "accepted")
	if status, _ := (app{t, base, "unknown"}).call("GET", "/keys", ""); status != http.StatusUnauthorized {
		t.Errorf("status %d for an unknown token, want 401", status)
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

func newHandler(t *testing.T, c gatehttp.Config) http.Handler {
	t.Helper()
	h, err := gatehttp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A journal that cannot be read is an error of the server, not a receipt.
func TestReceiptJournalUnavailable(t *testing.T) {
	demo, err := newDemo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer demo.close()
	h := newHandler(t, gatehttp.Config{Gate: demo.gate, Authenticate: bearer(map[string]string{"token": "ada"})})
	gone, cancel := context.WithCancel(t.Context())
	cancel() // the only way in which the store in memory fails
	r := httptest.NewRequestWithContext(gone, "GET", "/receipts/tap-0123456789abcdef", nil)
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503: %s", w.Code, w.Body)
	}
}

// A token is accepted only with the scheme Bearer.
func TestTokenRequiresBearerScheme(t *testing.T) {
	demo, err := newDemo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer demo.close()
	h := newHandler(t, gatehttp.Config{Gate: demo.gate, Authenticate: bearer(map[string]string{"token": "ada"})})
	for _, header := range []string{"token", "Basic token", " token", "Bearertoken", ""} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/keys", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%q: status %d, want 401", header, w.Code)
		}
	}
}

// A tap above the member's limit is refused before it adds a row to the door log.
func TestTapLimit(t *testing.T) {
	demo, err := newDemo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer demo.close()
	h := newHandler(t, gatehttp.Config{Gate: demo.gate, Authenticate: bearer(map[string]string{"a": "ada", "b": "bob"})})
	tap := func(token string, n int) int {
		body := strings.NewReader(fmt.Sprintf(`{"request_id": "tap-%s-%012d"}`, token, n))
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/doors/no-door/unlock", body)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	limited := 0
	for n := range 100 {
		if tap("a", n) == http.StatusTooManyRequests {
			limited++
		}
	}
	rows := 0
	for _, err := range demo.gate.Log(t.Context(), gate.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if limited == 0 || rows != 100-limited {
		t.Errorf("%d of 100 taps were refused, and the door log has %d rows", limited, rows)
	}
	if status := tap("b", 0); status != http.StatusOK {
		t.Errorf("another member's tap: status %d, want 200", status)
	}
}
