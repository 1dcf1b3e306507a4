// Package faulttest holds what tests of faults share: answers, transports, log
// handlers and stores that fail on purpose, and the verdict on a command.
package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// PlantedPanic is the value that code of the host panics with.
const PlantedPanic = "planted-in-a-panic-5d1c"

// ErrHost is an error of code of the host.
var ErrHost = errors.New("the host's own error")

// Sealer returns one sealer for all tests of a process.
//
//nolint:gochecknoglobals // a function that runs once
var Sealer = sync.OnceValue(saltostate.EphemeralSealer)

// Reply is an answer in memory.
func Reply(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// RoundTripper is a function as an http.RoundTripper. It is not an
// *http.Transport, whatever it forwards to.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Body is a function as the body of an answer.
type Body func([]byte) (int, error)

// Read calls f.
func (f Body) Read(b []byte) (int, error) { return f(b) }

// Close does nothing.
func (Body) Close() error { return nil }

// Until waits for the end of a context and returns its error.
func Until(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// PanickyHandler is a log handler that panics at every line.
type PanickyHandler struct{}

// Enabled is true.
func (PanickyHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle panics.
func (PanickyHandler) Handle(context.Context, slog.Record) error { panic(PlantedPanic) }

// WithAttrs returns h.
func (h PanickyHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup returns h.
func (h PanickyHandler) WithGroup(string) slog.Handler { return h }

// LockedWriter writes to W under Mu.
type LockedWriter struct {
	Mu *sync.Mutex
	W  io.Writer
}

func (l *LockedWriter) Write(b []byte) (int, error) {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	return l.W.Write(b)
}

// Verdict returns what an error reports of a command: "accepted" for nil, else "not
// sent", "refused" or "unconfirmed".
func Verdict(err error) string {
	e, ok := errors.AsType[*saltoks.APIError](err)
	switch {
	case err == nil:
		return "accepted"
	case !ok:
		return fmt.Sprintf("no APIError: %v", err)
	}
	var said []string
	if e.NotSent() {
		said = append(said, "not sent")
	}
	if e.Refused() {
		said = append(said, "refused")
	}
	if e.Unconfirmed() {
		said = append(said, "unconfirmed")
	}
	return strings.Join(said, "+")
}

// WantVerdict checks what an error reports of the command ("not sent" where want
// is empty), what it is, and its words; it returns the verdict that was wanted.
func WantVerdict(t *testing.T, err error, want string, is error, says string) string {
	t.Helper()
	if want == "" {
		want = "not sent"
	}
	if got := Verdict(err); got != want {
		t.Errorf("got %s, want %s: %v", got, want, err)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("%v is not %v", err, is)
	}
	if !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%v does not say %q", err, says)
	}
	return want
}

type anyToken struct{}

func (anyToken) Token(ctx context.Context) (saltoks.Token, error) {
	return saltoks.Token{Access: saltoks.NewSecret("any")}, ctx.Err()
}

// PauseCommands makes a limiter pause commands for d (whole seconds), by an
// answer 429 of another client that shares it.
func PauseCommands(t *testing.T, l *saltoks.Limiter, d time.Duration) {
	t.Helper()
	busy := RoundTripper(func(*http.Request) (*http.Response, error) {
		return Reply(429, "", "Retry-After", strconv.Itoa(int(d/time.Second))), nil
	})
	env := saltoks.Environment{Name: "test", Issuer: "https://id.example.test", API: "https://api.example.test"}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: anyToken{}, HTTPClient: &http.Client{Transport: busy},
		Limiter: l})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Raw().SetLockState(t.Context(), "s", "l", saltoks.Unlocked, saltoks.OTP{}); !errors.Is(err, saltoks.ErrRateLimited) {
		t.Fatal(err)
	}
}
