package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// contain calls code of the host. A panic in it, or in the Error method of the
// error that it returns, becomes a *PanicError.
func contain(in string, fn func() error) error {
	return hostcall.Contain(in, func() error {
		err := fn()
		if err != nil {
			_ = err.Error()
		}
		return err
	})
}

// containValue is contain for a call that returns a value.
func containValue[T any](in string, fn func() (T, error)) (value T, err error) {
	err = contain(in, func() error { value, err = fn(); return err })
	return value, err
}

// containIn is deferred by methods that call code of the host several times.
func containIn(method string, err *error) {
	if v := recover(); v != nil {
		*err = hostcall.NewPanicError(method, v)
	}
}

// commit runs one commit of the storage within the given time. The caller's cancellation
// does not count. With retry, the commit may be repeated: it is tried again until it
// succeeds, fails with a final error, or the time is over.
func commit(ctx context.Context, within time.Duration, retry bool, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	var previous error
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		err := contain("Records", func() error { return fn(ctx) })
		if err == nil || !retry || isFinal(err) {
			return err
		}
		if previous != nil && ctx.Err() != nil {
			return previous // the error of a try that ran out of time explains less
		}
		previous = err
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// isFinal reports whether repeating a commit cannot change its error.
func isFinal(err error) bool {
	_, panicked := errors.AsType[*PanicError](err)
	_, refused := errors.AsType[*RequestError](err)
	return panicked || refused || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound)
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
