// Package hostcall contains panics of code that the host supplies: stores, token
// sources, transports, policies, log handlers. A broken callback then fails one call
// and leaves no mutex locked.
package hostcall

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"
)

// PanicError is a panic in code of the host, contained by the library.
type PanicError struct {
	// In names what panicked, such as "the Store" or "Facts".
	In string
	// What is the text of a runtime.Error, otherwise the type of the panic value: the
	// value itself may contain a secret.
	What string
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error names what panicked.
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic in %s (%s): fix it; Stack shows where it happened", e.In, e.What)
}

// NewPanicError describes a recovered value. Call it in the deferred function
// that recovers, so that the stack is that of the panic.
func NewPanicError(in string, value any) *PanicError {
	what := fmt.Sprintf("%T", value)
	if e, ok := value.(runtime.Error); ok {
		what = e.Error()
	}
	return &PanicError{In: in, What: what, Stack: debug.Stack()}
}

// Contain calls fn, which calls code of the host named by in, and returns a
// panic in it as a *PanicError.
func Contain(in string, fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = NewPanicError(in, v)
		}
	}()
	return fn()
}

// Get is Contain for a function that returns a value.
func Get[T any](in string, fn func() (T, error)) (value T, err error) {
	err = Contain(in, func() error {
		value, err = fn()
		return err
	})
	return value, err
}

// ClockIsSet reports whether a clock's time can be right: a machine whose clock has no
// battery starts decades in the past.
func ClockIsSet(now time.Time) bool { return now.Year() >= 1990 }

// Logger returns l with a handler whose panics are contained, because a panic must not
// change the result of what is logged. For nil it returns a logger that discards.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(handler{l.Handler()})
}

type handler struct{ slog.Handler }

func (h handler) Enabled(ctx context.Context, level slog.Level) (yes bool) {
	_ = Contain("the log handler", func() error { yes = h.Handler.Enabled(ctx, level); return nil })
	return yes
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	return Contain("the log handler", func() error { return h.Handler.Handle(ctx, r) })
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name)}
}
