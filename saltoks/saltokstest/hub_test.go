package saltokstest_test

import (
	"bufio"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func (f *client) hub(method, path, body string, more url.Values) (int, string) {
	f.t.Helper()
	q := url.Values{"site_id": {f.site}}
	maps.Copy(q, more)
	req, _ := http.NewRequest(method, f.sim.Events()+path+"?"+q.Encode(), strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+f.token)
	resp, raw := f.send(req)
	return resp.StatusCode, string(raw)
}

type invocation struct {
	Type      int
	Target    string
	Arguments []string
}

// entryIn returns the entry in a ReceiveMessage.
func entryIn(t *testing.T, record string) map[string]any {
	t.Helper()
	var m invocation
	decode(t, []byte(strings.TrimSuffix(record, "\x1e")), &m)
	if m.Type != 1 || m.Target != "ReceiveMessage" || len(m.Arguments) != 1 {
		t.Fatalf("the message is %+v", m)
	}
	var e map[string]any
	decode(t, []byte(m.Arguments[0]), &e)
	return e
}

func TestStreamByLongPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		status, raw := d.hub("POST", "/v1/hub/entries/negotiate", "", url.Values{"negotiateVersion": {"1"}})
		var n struct {
			ConnectionToken     string
			AvailableTransports []struct{ Transport string }
		}
		decode(t, []byte(raw), &n)
		if status != 200 || n.ConnectionToken == "" || len(n.AvailableTransports) != 3 {
			t.Fatalf("negotiate: %d %s", status, raw)
		}
		at := url.Values{"id": {n.ConnectionToken}}
		if status, raw := d.hub("GET", "/v1/hub/entries", "", at); status != 200 || raw != "" {
			t.Errorf("the first poll: %d %q", status, raw)
		}
		d.hub("POST", "/v1/hub/entries", handshake, at)
		if _, raw := d.hub("GET", "/v1/hub/entries", "", at); raw != "{}\x1e" {
			t.Errorf("the handshake is answered %q", raw)
		}
		go func() {
			time.Sleep(time.Minute)
			d.sim.Tap(d.lock, d.email)
		}()
		began := time.Now()
		_, raw = d.hub("GET", "/v1/hub/entries", "", at)
		if e := entryIn(t, raw); e["lock_id"] != d.lock || e["access_by"] != "tag" || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), e)
		}
		if status, raw := d.hub("GET", "/v1/hub/entries", "", at); status != 200 || raw != "" {
			t.Errorf("a quiet poll: %d %q", status, raw)
		}
		d.hub("DELETE", "/v1/hub/entries", "", at)
		if status, _ := d.hub("GET", "/v1/hub/entries", "", at); status != 204 {
			t.Errorf("after the end: %d", status)
		}
		if status, _ := d.hub("GET", "/v1/hub/entries", "", at); status != 404 {
			t.Errorf("long after the end: %d", status)
		}
	})
}

func TestStreamRefusals(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "boss@harbour.example"})
	w.Sites[0].Members = []saltokstest.Member{{User: "doors@harbour.example", Role: "site_user"}, {User: "boss@harbour.example"}}
	d := newActivatedWith(t, saltokstest.Config{World: w})
	const negotiate = "/v1/hub/entries/negotiate"
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	for _, c := range []struct {
		path   string
		more   url.Values
		status int
	}{
		{negotiate, nil, 403}, // the stream of the whole site is for managers
		{negotiate, url.Values{"user_id": {me}}, 200},
		{negotiate, url.Values{"user_id": {"another-user"}}, 403},
		{negotiate, url.Values{"site_id": {"nowhere"}}, 400},
		{"/v1/hub/incidents/negotiate", nil, 404},
	} {
		if status, raw := d.hub("POST", c.path, "", c.more); status != c.status {
			t.Errorf("%s %v: %d %s, want %d", c.path, c.more, status, raw, c.status)
		}
	}
	d.token = "stale"
	if status, _ := d.hub("POST", negotiate, "", nil); status != 401 {
		t.Errorf("a bad token: %d", status)
	}
}

// TestStreamCarriesOnlyItsOwn checks that a connection receives the entries of its site and
// user, from the handshake on.
func TestStreamCarriesOnlyItsOwn(t *testing.T) {
	d := newActivated(t)
	d.sim.AddUser(saltokstest.User{Email: "ada@harbour.example", Tag: "1111"})
	d.sim.AddMember(d.site, saltokstest.Member{User: "ada@harbour.example"})
	annex := d.sim.AddSite(saltokstest.Site{
		Name: "The Annex", Members: []saltokstest.Member{{User: d.email}},
		IQs: []saltokstest.IQ{{Name: "Q"}}, Locks: []saltokstest.Lock{{Name: "Shed"}},
	})
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	_, raw := d.hub("POST", "/v1/hub/entries/negotiate", "", url.Values{"user_id": {me}})
	var n struct{ ConnectionID string }
	decode(t, []byte(raw), &n)
	at := url.Values{"id": {n.ConnectionID}, "user_id": {me}}
	d.hub("GET", "/v1/hub/entries", "", at)
	d.sim.Tap(d.lock, d.email) // before the handshake
	d.hub("POST", "/v1/hub/entries", handshake, at)
	if _, raw := d.hub("GET", "/v1/hub/entries", "", at); raw != "{}\x1e" {
		t.Errorf("the handshake is answered %q", raw)
	}
	d.sim.Tap(d.lock, "1111")
	d.sim.OpenFromInside(d.lock)
	d.sim.Tap(annex.Locks[0].ID, d.email)
	d.sim.Tap(d.lock, d.email)
	_, raw = d.hub("GET", "/v1/hub/entries", "", at)
	if e := entryIn(t, raw); e["user_id"] != me || e["lock_id"] != d.lock {
		t.Errorf("it carries %v", e)
	}
}

// TestBlockedUserHearsNothing checks that a blocked user gets no stream.
func TestBlockedUserHearsNothing(t *testing.T) {
	d := newActivated(t)
	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/users/"+d.member(), `{"blocked":true}`)
	if status, _ := d.hub("POST", "/v1/hub/entries/negotiate", "", nil); status != 403 {
		t.Errorf("negotiate: %d", status)
	}
}

// TestUpgradeWithoutAKey checks that an invalid upgrade is answered instead of left waiting.
func TestUpgradeWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		ctx, cancel := timeout(t, time.Minute)
		defer cancel()
		q := url.Values{"site_id": {d.site}, "access_token": {d.token}}
		req, _ := http.NewRequestWithContext(ctx, "GET", d.sim.Events()+"/v1/hub/entries?"+q.Encode(), nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		resp, err := d.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("answered %d", resp.StatusCode)
		}
	})
}

// TestStreamByServerSentEvents receives an entry, the keep-alive and the end.
func TestStreamByServerSentEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		at, events := d.openEvents()
		next := func() string {
			t.Helper()
			for events.Scan() {
				if data, ok := strings.CutPrefix(events.Text(), "data: "); ok {
					return data
				}
			}
			return ""
		}
		d.hub("POST", "/v1/hub/entries", handshake, at)
		if got := next(); got != "{}\x1e" {
			t.Fatalf("the handshake is answered %q", got)
		}
		d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
		d.sim.Tap(d.lock, d.email)
		if e := entryIn(t, next()); e["access_by"] != "remote" || e["lock_id"] != d.lock {
			t.Errorf("the entry is %v", e)
		}
		if e := entryIn(t, next()); e["access_by"] != "tag" {
			t.Errorf("the second entry is %v", e)
		}
		if got := next(); got != `{"type":6}`+"\x1e" { // after 15 s on the bubble's clock
			t.Errorf("the keep-alive is %q", got)
		}
		d.hub("DELETE", "/v1/hub/entries", "", at)
		if got := next(); got != "" {
			t.Errorf("after the end: %q", got)
		}
		if status, _ := d.hub("GET", "/v1/hub/entries", "", at); status != 404 {
			t.Errorf("the connection after the end: %d", status)
		}
	})
}

// openEvents negotiates and opens a stream of Server-Sent Events.
func (f *client) openEvents() (at url.Values, events *bufio.Scanner) {
	f.t.Helper()
	_, raw := f.hub("POST", "/v1/hub/entries/negotiate", "", nil)
	var n struct{ ConnectionID string }
	decode(f.t, []byte(raw), &n)
	q := url.Values{"site_id": {f.site}, "id": {n.ConnectionID}}
	req, _ := http.NewRequest("GET", f.sim.Events()+"/v1/hub/entries?"+q.Encode(), nil)
	req.Header.Set("Authorization", "Bearer "+f.token)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := f.http.Do(req)
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		f.t.Fatalf("the stream: %v %v", resp, err)
	}
	f.t.Cleanup(func() { resp.Body.Close() })
	return url.Values{"id": {n.ConnectionID}}, bufio.NewScanner(resp.Body)
}

// TestStreamThatIsNotRead checks that a client which does not read takes a limited
// amount of memory, whether it never reads or never ends a message.
func TestStreamThatIsNotRead(t *testing.T) {
	d := newActivated(t)
	negotiated := func() url.Values {
		_, raw := d.hub("POST", "/v1/hub/entries/negotiate", "", nil)
		var n struct{ ConnectionID string }
		decode(t, []byte(raw), &n)
		return url.Values{"id": {n.ConnectionID}}
	}
	silent, endless := negotiated(), negotiated()
	d.hub("POST", "/v1/hub/entries", handshake, silent)
	for range 4000 {
		d.sim.Tap(d.lock, d.email)
	}
	d.hub("POST", "/v1/hub/entries", strings.Repeat("x", 1<<19), endless)
	d.hub("POST", "/v1/hub/entries", strings.Repeat("x", 1<<19+1), endless)
	for name, at := range map[string]url.Values{"never reads": silent, "never ends a message": endless} {
		d.hub("GET", "/v1/hub/entries", "", at)
		if status, raw := d.hub("GET", "/v1/hub/entries", "", at); status != 204 {
			t.Errorf("a client that %s: %d, %d bytes", name, status, len(raw))
		}
	}
}

// TestConnectionsThatOnlyNegotiate checks that many of them do not end one that is in use.
func TestConnectionsThatOnlyNegotiate(t *testing.T) {
	d := newActivated(t)
	negotiated := func() url.Values {
		_, raw := d.hub("POST", "/v1/hub/entries/negotiate", "", nil)
		var n struct{ ConnectionID string }
		decode(t, []byte(raw), &n)
		return url.Values{"id": {n.ConnectionID}}
	}
	used, unused := negotiated(), negotiated()
	d.hub("GET", "/v1/hub/entries", "", used)
	d.hub("POST", "/v1/hub/entries", handshake, used)
	d.hub("GET", "/v1/hub/entries", "", used)
	for range 1000 {
		negotiated()
	}
	if status, _ := d.hub("GET", "/v1/hub/entries", "", unused); status != 404 {
		t.Errorf("the oldest that only negotiated: %d", status)
	}
	d.sim.Tap(d.lock, d.email)
	if status, raw := d.hub("GET", "/v1/hub/entries", "", used); status != 200 || !strings.Contains(raw, "ReceiveMessage") {
		t.Errorf("the one in use: %d %q", status, raw)
	}
}

// TestStreamClientTimeout checks that a silent client is disconnected, if the switch is set.
func TestStreamClientTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivatedWith(t, saltokstest.Config{Switches: saltokstest.Switches{StreamClientTimeout: 30 * time.Second}})
		send, receive := d.webSocket()
		send(handshake)
		receive() // the answer
		send(`{"type":6}` + "\x1e")
		began := time.Now()
		for !strings.Contains(receive(), `"type":7`) {
			if time.Since(began) > time.Minute {
				t.Fatal("a silent client stays connected")
			}
		}
		if d := time.Since(began); d < 30*time.Second {
			t.Errorf("disconnected after %v", d)
		}
	})
}
