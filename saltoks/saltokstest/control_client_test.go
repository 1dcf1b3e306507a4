package saltokstest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// newControl returns an activated door and a client of its simulator's control endpoints.
func newControl(t *testing.T) (*client, *saltokstest.ControlClient) {
	t.Helper()
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	c, err := saltokstest.NewControlClient(saltokstest.ControlConfig{URL: d.sim.Control() + "/", HTTPClient: d.http})
	if err != nil {
		t.Fatal(err)
	}
	return d, c
}

func TestControlClient(t *testing.T) {
	d, c := newControl(t)
	ctx := t.Context()
	if now, err := c.Now(ctx); err != nil || !now.Equal(noon()) {
		t.Errorf("now is %v, %v", now, err)
	}
	for _, by := range []time.Duration{90 * 24 * time.Hour, -time.Minute, 1500 * time.Microsecond} {
		want := d.sim.Now().Add(by)
		if now, err := c.Advance(ctx, by); err != nil || !now.Equal(want) || !d.sim.Now().Equal(want) {
			t.Errorf("advanced by %v: %v, %v", by, now, err)
		}
	}
	d.login()
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	l, err := c.Lock(ctx, strings.ToUpper(d.lock))
	want := saltokstest.LockStatus{ID: d.lock, Name: "Main Entrance", LockedState: "unlocked", Movements: 1, Online: true, IQ: d.iq}
	if err != nil || l != want {
		t.Errorf("the lock is %+v, %v", l, err)
	}
	other := d.sim.World().Sites[0].IQs[1].ID
	d.want(204, "", "GET", "/v1.2/sites/"+d.site+"/iqs/"+other+"/pin?send_email=true", "")
	if pin, err := c.IQPIN(ctx, d.email); err != nil || pin == "" || pin != d.sim.IQPIN(d.email) {
		t.Errorf("the PIN is %q, %v", pin, err)
	}
	if err := c.SetIQ(ctx, d.iq, true, false); err != nil {
		t.Error(err)
	}
	d.want(200, "", "PATCH", d.locking(), `{"locked_state":"locked"}`)
	if err := c.Reset(ctx); err != nil || !d.sim.Now().Equal(noon()) {
		t.Errorf("after a reset: %v, %v", d.sim.Now(), err)
	}
}

// TestControlClientFaults checks that every option reaches the simulator.
func TestControlClientFaults(t *testing.T) {
	d, c := newControl(t)
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(c.Fault(ctx, saltokstest.HTTP429, saltokstest.Count(2), saltokstest.Delay(90*time.Second), saltokstest.On("/locking"),
		saltokstest.After()))
	for range 2 {
		resp, _, err := d.unlock(ctx)
		if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "90" {
			t.Errorf("answered %v, %v", resp, err)
		}
	}
	if n := d.sim.Movements(d.lock); n != 2 {
		t.Errorf("%d movements", n)
	}
	ok(c.Fault(ctx, saltokstest.APIError, saltokstest.Status(404), saltokstest.InnerCode("iq_not_responding")))
	d.want(404, "3102 iq_not_responding", "GET", "/v1.2/me", "")
	ok(c.Fault(ctx, saltokstest.APIError, saltokstest.ErrorCode("2213"), saltokstest.ErrorMessage("pod")))
	d.want(400, "2213", "GET", "/v1.2/me", "")
	ok(c.Fault(ctx, saltokstest.RewriteAnswer, saltokstest.Status(207), saltokstest.ContentType("text/plain"),
		saltokstest.Field("language", "3600.0"), saltokstest.WithoutField("phone")))
	resp, raw := d.get(d.sim.API()+"/v1.2/me", d.token)
	if resp.StatusCode != 207 || resp.Header.Get("Content-Type") != "text/plain" || !strings.Contains(raw, `"language":3600.0`) ||
		strings.Contains(raw, "phone") {
		t.Errorf("answered %d %s %s", resp.StatusCode, resp.Header.Get("Content-Type"), raw)
	}
	ok(c.Fault(ctx, saltokstest.RewriteAnswer, saltokstest.Body("")))
	if _, raw := d.get(d.sim.API()+"/v1.2/me", d.token); raw != "" {
		t.Errorf("answered %s", raw)
	}
	ok(c.Fault(ctx, saltokstest.IQOffline, saltokstest.Target("another")))
	ok(c.Fault(ctx, saltokstest.HTTP500, saltokstest.Count(-1)))
	ok(c.ClearFaults(ctx))
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
}

// TestControlClientErrors checks that an error names the request and the reason.
func TestControlClientErrors(t *testing.T) {
	_, c := newControl(t)
	_, err := c.Lock(t.Context(), "nowhere")
	var e *saltokstest.ControlError
	if !errors.As(err, &e) || e.Status != 404 || !strings.Contains(err.Error(), "/control/locks/nowhere") ||
		!strings.Contains(err.Error(), "nowhere") {
		t.Errorf("an unknown lock: %v", err)
	}
	if err := c.Fault(t.Context(), "earthquake"); err == nil || !strings.Contains(err.Error(), "earthquake") {
		t.Errorf("an unknown fault: %v", err)
	}
	for _, opt := range []saltokstest.FaultOption{saltokstest.Status(99), saltokstest.Field("a", "{")} {
		if err := c.Fault(t.Context(), saltokstest.RewriteAnswer, opt); err == nil {
			t.Error("an option that makes no sense was accepted")
		}
	}
	for _, url := range []string{"", "127.0.0.1:8077", "file:///tmp", "http://"} {
		if _, err := saltokstest.NewControlClient(saltokstest.ControlConfig{URL: url}); err == nil {
			t.Errorf("the URL %q was accepted", url)
		}
	}
	for _, answer := range []string{"<html>", `{"now":7}`} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		defer other.Close()
		c, err := saltokstest.NewControlClient(saltokstest.ControlConfig{URL: other.URL})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Now(t.Context()); err == nil || !strings.Contains(err.Error(), "not the answer of a simulator") {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// TestControlClock checks that the clock follows the simulator's, and continues when the
// simulator has stopped.
func TestControlClock(t *testing.T) {
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := saltokstest.NewControlClient(saltokstest.ControlConfig{URL: srv.Control()})
	if err != nil {
		t.Fatal(err)
	}
	now, err := c.Clock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			off := now().Sub(srv.Now()).Abs()
			if off < time.Second {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the clock is off by %v", what, off)
			}
		}
	}
	near("at first")
	srv.Clock().Advance(90 * 24 * time.Hour)
	near("after 90 days")
	srv.Clock().Advance(-time.Hour)
	near("an hour back")
	if err := srv.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	near("when the simulator has stopped")
	if _, err := c.Clock(t.Context()); err == nil {
		t.Error("a clock of a simulator that has stopped")
	}
}
