package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	v := p.visitor(t)
	v.post("/login", "email", "mia@harbour.example", "password", "wrong").want(401, "Wrong email address or password")
	v.post("/login", "email", "unknown@harbour.example", "password", "wrong").want(401, "Wrong email address or password")
	for range 10 {
		v.post("/login", "email", "mia@harbour.example", "password", "wrong")
	}
	v.post("/login", "email", "mia@harbour.example", "password", testPassword).want(429, "wait a minute")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	bob := p.as(t, "bob")
	cookies := bob.client.Jar.Cookies(bob.request("GET", "/").URL)
	bob.post("/logout").want(200, "Log in")
	for _, c := range cookies {
		r := bob.request("GET", "/bookings")
		r.AddCookie(c)
		if got := bob.do(r); got.url.Path != "/login" {
			t.Error("the session is still valid after the logout")
		}
	}
}

// The limits of an address and of an account stay in force after many attempts with other
// email addresses and from other addresses.
func TestLoginLimits(t *testing.T) {
	now := time.Date(2026, 5, 6, 10, 0, 0, 0, time.UTC)
	s := newSessions(func() time.Time { return now }, netip.Prefix{})
	from := func(address string) *http.Request {
		r := httptest.NewRequest("POST", "/login", nil)
		r.RemoteAddr = address + ":40000"
		return r
	}
	for range 10 {
		if wait, ok := s.allowLogin(from("192.0.2.1"), "mia@harbour.example"); !ok || wait != 0 {
			t.Fatalf("within the limit: wait %s, allowed %t; want 0s and true", wait, ok)
		}
	}
	for i := range 20_001 {
		s.allowLogin(from("192.0.2.1"), string(rune('a'+i%26))+strings.Repeat("x", i/26)) // an attacker may send long ones
	}
	for _, email := range []string{"mia@harbour.example", "bob@harbour.example"} {
		if _, ok := s.allowLogin(from("192.0.2.1"), email); ok {
			t.Errorf("after 20,000 attempts the address is allowed to log in as %s", email)
		}
	}
	if n := len(s.limiters); n > 100 {
		t.Errorf("one address uses %d limiters, want at most 100", n)
	}
	for i := range 20_001 {
		s.allowLogin(from("[2001:db8::"+string(rune('a'+i%6))+"]"), "mia@harbour.example")
	}
	if wait, ok := s.allowLogin(from("192.0.2.9"), "mia@harbour.example"); !ok || wait != loginDelay {
		t.Errorf("attempts from many addresses: wait %s, allowed %t; want %s and true", wait, ok, loginDelay)
	}
	now = now.Add(10 * time.Second)
	if wait, ok := s.allowLogin(from("192.0.2.9"), "mia@harbour.example"); !ok || wait != 0 {
		t.Errorf("ten seconds later: wait %s, allowed %t; want 0s and true", wait, ok)
	}
}

// Behind a trusted proxy, the last address in X-Forwarded-For is the visitor's: the proxy
// wrote it. From any other address the header is ignored.
func TestTrustedProxy(t *testing.T) {
	s := newSessions(time.Now, netip.MustParsePrefix("10.0.0.0/8"))
	for _, c := range []struct {
		from, forwarded, proto, want string
		secure                       bool
	}{
		{"10.1.2.3:4000", "198.51.100.7", "https", "198.51.100.7", true},
		{"10.1.2.3:4000", "203.0.113.9, 198.51.100.7", "http", "198.51.100.7", false},
		{"[::ffff:10.1.2.3]:4000", "198.51.100.7", "https", "198.51.100.7", true},
		{"192.0.2.1:4000", "198.51.100.7", "https", "192.0.2.1", false},
	} {
		r := httptest.NewRequest("POST", "/login", nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", c.forwarded)
		r.Header.Set("X-Forwarded-Proto", c.proto)
		if got, secure := s.client(r); got != c.want || secure != c.secure {
			t.Errorf("from %s for %q: address %s, secure %t; want %s and %t", c.from, c.forwarded, got, secure, c.want, c.secure)
		}
	}
}
