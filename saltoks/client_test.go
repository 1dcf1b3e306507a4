package saltoks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPlantedSecrets: a busy run's logs and errors hold nothing that was planted.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	planted := []string{testToken, "0tp42", "planted-iq-secret", "246810135790"}
	var logs bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	echo := strings.Join(planted, " ")
	for _, answer := range []func(*http.Request, string) *http.Response{
		always(200, `{"secret":"planted-iq-secret"}`), always(200, `"246810135790"`), always(204, ""),
		func(r *http.Request, body string) *http.Response {
			m := fmt.Sprintf("%q %q", r.URL.String()+r.Header.Get("Authorization"), body)
			return reply(400, fmt.Sprintf(`{"ErrorCode":"3102","Message":%q}`, m))
		},
		func(r *http.Request, body string) *http.Response {
			return reply(200, fmt.Sprintf(`{"ErrorCode":"2203","Message":%q}`, r.Header.Get("Authorization")+body))
		},
		always(200, `{"secret":17,"x":"`+echo+`"}`),
		always(200, `"`+echo+`"`), always(200, `{"secret":"`+echo), always(200, `<html>`+echo), always(401, ``), always(302, ``, "Location", "/?otp=0tp42"),
	} {
		c := newTestClient(t, &wire{answer: answer}, func(cfg *Config) { cfg.Logger = logger }, func(cfg *Config) { cfg.UnverifiedEndpoints = true })
		ctx := t.Context()
		var errs []error
		_, err := c.Raw().FirstSecret(ctx, "s", "q")
		errs = append(errs, err)
		_, err = c.Raw().SecretByOTP(ctx, "s", "q", NewOTP("0tp42"))
		errs = append(errs, err, c.Raw().ConfirmPIN(ctx, "s", "q", NewOTP("0tp42")), c.Raw().SetLockState(ctx, "s", "l", Unlocked, NewOTP("0tp42")),
			c.Raw().Deactivate(ctx, "s", "q", "u", NewOTP("0tp42")), c.Users.SetCustomPIN(ctx, "s", "u", NewKeypadPIN("246810135790")))
		_, err = c.Users.IssuePIN(ctx, "s", "u", time.Time{})
		errs = append(errs, err)
		_, err = c.Locks.Get(ctx, "s", "l")
		errs = append(errs, err)
		for _, err := range errs {
			if err != nil {
				logger.Error("host", "err", err, "deep", fmt.Sprintf("%v %+v %#v", err, err, err))
			}
		}
	}
	if !strings.Contains(logs.String(), `"route":"/v1.2/sites/{site}/locks/{lock}/locking"`) {
		t.Error("the log does not name the route")
	}
	for _, s := range planted {
		if i := strings.Index(logs.String(), s); i >= 0 {
			t.Errorf("%q is in the logs: …%s…", s, logs.String()[max(0, i-200):min(logs.Len(), i+60)])
		}
	}
}

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
		"Environment.Name is missing", "Environment.Issuer", "must be https", "Environment.API", "must not hold a user", "Config.Tokens is missing",
		"TLS below 1.2", "Config.AttemptTimeout", "Config.MaxResponse", "Config.UserAgent", "Config.Limiter is a zero Limiter", "Config.Middleware[0]",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("leaks or breaks: %q", err)
	}
	for _, env := range []Environment{Production(), Acceptance(), {Name: "x", Issuer: "http://127.0.0.1:1", API: "http://[::1]:2/base/", Events: "http://localhost:3"}} {
		if err := env.Validate(); err != nil {
			t.Errorf("%s: %v", env.Name, err)
		}
	}
	if _, err := NewLimiter(LimiterConfig{Reads: -1}); err == nil {
		t.Error("a negative rate is taken")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, goldenLock)}
	c := newTestClient(t, w, func(cfg *Config) { cfg.UserAgent = "space/1.2" })
	if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
		t.Fatal(err)
	}
	if got := w.requests[0].header.Get("User-Agent"); got != "space/1.2 "+libraryAgent {
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
	if err := c.Locks.SetSchedule(t.Context(), "s", "l", auto); verdict(err) != "not sent" || !strings.Contains(err.Error(), "AllowAutomaticStart") {
		t.Errorf("automatic start: %v", err)
	}
	if err := c.Locks.SetSchedule(t.Context(), "s", "l", auto, AllowAutomaticStart()); err != nil {
		t.Error(err)
	}
}

func TestNewRequestAndDo(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, `{"items":[{"kind":"tamper","new":true}]}`, "Request-Id", "r9")}
	c := newTestClient(t, w)
	if _, err := c.NewRequest("GET", "/v1.1/sites/{site}/incidents", "s 1?"); err == nil {
		t.Error("a blank in an id is taken")
	}
	r, err := c.NewRequest("GET", "/v1.1/sites/{site}/incidents", "s?1")
	if err != nil || r.Class != Safe {
		t.Fatal(err, r.Class)
	}
	r.Query = map[string][]string{"$top": {"5"}}
	var out struct{ Items []struct{ Kind string } }
	resp, err := c.Do(t.Context(), r, &out)
	if err != nil || resp.Status != 200 || resp.RequestID != "r9" || resp.Attempts != 1 || out.Items[0].Kind != "tamper" || !slices.Equal(resp.Body, []byte(`{"items":[{"kind":"tamper","new":true}]}`)) {
		t.Errorf("%+v %+v %v", resp, out, err)
	}
	if got := w.requests[0].target; got != "/connect/v1.1/sites/s%3F1/incidents?$top=5" {
		t.Error(got)
	}
	for _, bad := range []struct {
		method, route string
		values        []string
	}{
		{"get", "/x", nil}, {"", "/x", nil}, {"GET", "x", nil}, {"GET", "/x?y=1", nil}, {"GET", "/x/../y", nil}, {"GET", "/{a", []string{"1"}},
		{"GET", "/{a}", nil}, {"GET", "/x", []string{"1"}}, {"GET", "/{a}", []string{""}}, {"GET", "/{a}", []string{"."}}, {"GET", "/{a}", []string{"..."}},
		{"GET", "/{a}", []string{"a%2fb"}}, {"GET", "/{a}", []string{`a\b`}}, {"GET", "/x%2e", nil},
	} {
		if _, err := c.NewRequest(bad.method, bad.route, bad.values...); verdict(err) != "not sent" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	post, err := c.NewRequest("POST", "/v1.1/x")
	if err != nil || post.Class != Never {
		t.Fatal(err)
	}
	post.Body = func() {}
	if _, err := c.Do(t.Context(), post, nil); verdict(err) != "not sent" {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	tokens := &waitingTokens{release: make(chan struct{})}
	w := &wire{answer: always(200, goldenLock)}
	c, err := NewClient(Config{Environment: testEnv("https://api.example.test"), Tokens: tokens, HTTPClient: &http.Client{Transport: w}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a refresh is in flight: %v", err)
	}
	close(tokens.release)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Me.Get(t.Context()); !errors.Is(err, ErrClientClosed) || verdict(err) != "not sent" || w.count() != 0 {
		t.Error(err)
	}
}

type waitingTokens struct {
	staticTokens
	release chan struct{}
}

func (w *waitingTokens) Wait(ctx context.Context) error {
	select {
	case <-w.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestSubject: the subject is the token's, within the caller's context.
func TestSubject(t *testing.T) {
	c, err := NewClient(Config{Environment: testEnv("https://api.example.test"), Tokens: subjectTokens{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Subject(t.Context()); got != "subject-1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := c.Subject(ctx); got != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", got, err)
	}
}

type subjectTokens struct{}

func (subjectTokens) Token(ctx context.Context) (Token, error) {
	if err := ctx.Err(); err != nil {
		return Token{}, err
	}
	return Token{Access: NewSecret("a"), Subject: "subject-1"}, nil
}
