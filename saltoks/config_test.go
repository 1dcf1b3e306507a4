package saltoks

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestNewClientNamesEveryFault(t *testing.T) {
	t.Parallel()
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS10}}}
	_, err := NewClient(Config{
		Environment: Environment{Issuer: "http://id.example.test", API: "https://user:hunter2@api.example.test?x=1"},
		HTTPClient:  old, AttemptTimeout: -1, MaxResponse: -1, UserAgent: "a\nb", Limiter: new(Limiter), Middleware: []Middleware{nil},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"Environment.Name is missing", `Environment.Issuer "http://id.example.test" must be https`, "Environment.API", "must not hold a user",
		"Config.Tokens is missing",
		"TLS below 1.2", "Config.AttemptTimeout", "Config.MaxResponse", "Config.UserAgent", "Config.Limiter is a zero value",
		"Config.Middleware[0]",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("leaks or breaks: %q", err)
	}
	for _, env := range []Environment{Production(), Acceptance(),
		{Name: "x", Issuer: "http://127.0.0.1:1", API: "http://[::1]:2/base/", Events: "http://localhost:3"}} {
		if err := env.Validate(); err != nil {
			t.Errorf("%s: %v", env.Name, err)
		}
	}
	for version, ok := range map[uint16]bool{0: true, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: version}}}
		_, err := NewClient(Config{Environment: testEnv("https://api.example.test"), Tokens: tokenFunc(testTokens), HTTPClient: hc})
		if (err == nil) != ok {
			t.Errorf("TLS from %s: %v", tls.VersionName(version), err)
		}
	}
	if _, err := NewLimiter(LimiterConfig{Reads: -1}); err == nil {
		t.Error("a negative rate is taken")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, goldenLock)}
	c := newTestClient(t, w, func(cfg *Config) { cfg.UserAgent = "space/1.2 (~)" })
	if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
		t.Fatal(err)
	}
	if got := w.requests[0].header.Get("User-Agent"); got != "space/1.2 (~) "+libraryAgent {
		t.Error(got)
	}
	c = newTestClient(t, w, func(cfg *Config) { cfg.MaxResponse = int64(len(goldenLock)) })
	if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
		t.Errorf("an answer of exactly the limit: %v", err)
	}
	c = newTestClient(t, w, func(cfg *Config) { cfg.MaxResponse = int64(len(goldenLock) - 1) })
	if _, err := c.Locks.Get(t.Context(), "s", "l"); !errors.Is(err, errTooLarge) || w.count() != 3 {
		t.Errorf("%d requests: %v", w.count(), err)
	}
	for name, call := range map[string]func() error{
		"Deactivate":  func() error { return c.Raw().Deactivate(t.Context(), "s", "q", "u", NewOTP("a")) },
		"SetTree":     func() error { return c.IQs.SetTree(t.Context(), "s", "q", []IQTreeItem{{}}, NewOTP("a")) },
		"SetSchedule": func() error { return c.Locks.SetSchedule(t.Context(), "s", "l", LockSchedule{Weekdays: EveryDay()}) },
	} {
		if err := call(); !errors.Is(err, ErrUnverified) || verdict(err) != "not sent" {
			t.Errorf("%s: %v", name, err)
		}
	}
	c = newTestClient(t, w, func(cfg *Config) { cfg.UnverifiedEndpoints = true })
	auto := LockSchedule{AutoStart: true, Weekdays: EveryDay()}
	if err := c.Locks.SetSchedule(t.Context(), "s", "l", auto); verdict(err) != "not sent" ||
		!strings.Contains(err.Error(), "AllowAutomaticStart") {
		t.Errorf("automatic start: %v", err)
	}
	if err := c.Locks.SetSchedule(t.Context(), "s", "l", auto, AllowAutomaticStart()); err != nil {
		t.Error(err)
	}
}
