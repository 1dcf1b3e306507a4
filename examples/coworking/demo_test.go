package main

import (
	"net/http"
	"testing"
)

func TestDemoClock(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	bob.post("/demo/clock", "to", "evening", "from", "/bookings").want(200, "21:00", "My bookings")
	bob.post("/demo/clock", "to", "evening", "from", "//evil.example").want(200, "My keys")
	bob.post("/demo/clock", "to", "never").want(422)
	if got := p.visitor(t).post("/demo/clock", "to", "quarter"); got.url.Path != "/login" {
		t.Error("the clock was advanced without a login")
	}
}

// The redirect leads to a page of this program, even in browsers that remove tabs and
// treat a backslash as a slash.
func TestClockRedirectsToOwnPage(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	bob.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for from, want := range map[string]string{
		"/bookings": "/bookings?note=moved", "/\t/evil.example": "/?note=moved", "//evil.example": "/?note=moved",
		`/\evil.example`: "/?note=moved", "/\x00/evil.example": "/?note=moved", "http://evil.example/": "/?note=moved",
		"/a?b=c": "/?note=moved", "": "/?note=moved",
	} {
		if got := bob.post("/demo/clock", "to", "quarter", "from", from).header.Get("Location"); got != want {
			t.Errorf("from %q: redirect to %q, want %q", from, got, want)
		}
	}
}
