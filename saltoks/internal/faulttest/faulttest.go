// Package faulttest holds helpers for tests of faults: answers, transports and
// log handlers that fail on purpose, and checks of a command's outcome.
package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// PlantedPanic is the value with which the test's host code panics.
const PlantedPanic = "planted-in-a-panic-5d1c"

// ErrHost is an error of the test's host code.
var ErrHost = errors.New("the host's own error")

// Reply returns an answer in memory.
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

// RoundTripper adapts a function to http.RoundTripper. It is not an
// *http.Transport, even if it forwards to one.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Body adapts a function to the body of an answer.
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

// Verdict returns the outcome of a command that err reports: "accepted" for
// nil, else "not sent", "refused" or "unconfirmed".
func Verdict(err error) string {
	e, ok := errors.AsType[interface {
		error
		NotSent() bool
		Refused() bool
		Unconfirmed() bool
	}](err)
	switch {
	case err == nil:
		return "accepted"
	case !ok:
		return fmt.Sprintf("no APIError: %v", err)
	}
	var outcomes []string
	if e.NotSent() {
		outcomes = append(outcomes, "not sent")
	}
	if e.Refused() {
		outcomes = append(outcomes, "refused")
	}
	if e.Unconfirmed() {
		outcomes = append(outcomes, "unconfirmed")
	}
	return strings.Join(outcomes, "+")
}

// WantVerdict checks that err reports the outcome want ("not sent" if want is
// empty), that errors.Is finds is, and that its text contains text. It returns
// the expected outcome.
func WantVerdict(t *testing.T, err error, want string, is error, text string) string {
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
	if !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("%v does not contain %q", err, text)
	}
	return want
}
