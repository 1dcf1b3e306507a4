package saltoks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"
)

// PanicError is a panic in something the host supplied: a Store, a Sealer, a
// TokenSource, an OTPProvider, a transport. It is caught, so that one broken
// callback fails one call: nothing stays locked, and nothing was sent unless an
// *APIError around it says Unconfirmed.
type PanicError struct {
	// In names what panicked.
	In string
	// What is the Go runtime's own text, or else the type of the value: the
	// value itself may hold a secret.
	What string
	// Stack is where it happened.
	Stack []byte
}

// Error names what panicked.
func (e *PanicError) Error() string {
	return fmt.Sprintf("saltoks: panic in %s (%s): mend it, its Stack says where", e.In, e.What)
}

// contain calls what the host supplied and turns a panic into a *PanicError.
func contain(in string, fn func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		what := fmt.Sprintf("%T", v)
		if e, ok := v.(runtime.Error); ok {
			what = e.Error()
		}
		err = &PanicError{In: in, What: what, Stack: debug.Stack()}
	}()
	return fn()
}

// ErrClock: the clock panics or says a time long past, as a machine's does that
// has just started without a battery. Codes made from it would be wrong, and
// wrong codes block. Nothing was sent.
var ErrClock = errors.New("this machine's clock is wrong: set it, best by NTP, and try again")

// trusted makes a clock that says the zero time where now panics.
func trusted(now func() time.Time) func() time.Time {
	return func() (t time.Time) {
		_ = contain("the clock", func() error { t = now(); return nil })
		return t
	}
}

// clockIsSet reports whether a clock's time can be true.
func clockIsSet(now time.Time) bool { return now.Year() >= 1990 }

// calmLogger is l over a handler whose panics end with the line: what is logged
// has happened already.
func calmLogger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return nil
	}
	return slog.New(calmHandler{l.Handler()})
}

type calmHandler struct{ slog.Handler }

func (h calmHandler) Enabled(ctx context.Context, level slog.Level) (yes bool) {
	_ = contain("the log handler", func() error { yes = h.Handler.Enabled(ctx, level); return nil })
	return yes
}

func (h calmHandler) Handle(ctx context.Context, r slog.Record) error {
	return contain("the log handler", func() error { return h.Handler.Handle(ctx, r) })
}

func (h calmHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calmHandler{h.Handler.WithAttrs(attrs)}
}

func (h calmHandler) WithGroup(name string) slog.Handler {
	return calmHandler{h.Handler.WithGroup(name)}
}
