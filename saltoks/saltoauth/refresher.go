package saltoauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks"
)

// refresher is the in-memory part of every TokenSource in this package: one
// current token, and at most one flight, which fetches the next token.
//
// When a tenth of the lifetime is left, one caller starts the flight. The
// others use the token, which is still valid. The caller that started the
// flight also uses it, if the flight takes longer than refreshPatience or
// fails. Without a valid token all callers wait, each until its own context
// ends, and share one result.
//
// A source with recheck also starts a flight when its token was not confirmed
// for that long, and every caller waits up to recheckLimit until fetch calls
// confirm. If fetch does not, the token can be used for recheckGrace more.
type refresher struct {
	now func() time.Time
	// fetch returns a fresh token other than rejected (zero: no token was
	// rejected). It is detached from the caller's cancellation and must set its
	// own time limits. It calls drop if the token in memory must not be used
	// anymore.
	fetch   func(ctx context.Context, rejected saltoks.Secret) (held, error)
	recheck time.Duration // 0: never

	mu       sync.Mutex
	cur      held           // zero if no token may be used
	rejected saltoks.Secret // the access token that SALTO answered 401 to, until there is another one
	flight   *flight
	checked  time.Time // when cur was last confirmed, or last failed to be
	failing  time.Time // since when cur cannot be confirmed; zero if it was confirmed
}

var (
	_ saltoks.Rejecter = (*refresher)(nil)
	_ saltoks.Waiter   = (*refresher)(nil)
)

type flight struct {
	confirmed chan struct{} // closed by confirm
	confirm   func()        // at the first call
	done      chan struct{}
	got       held
	err       error
}

// Token returns the current token, or the next one.
func (r *refresher) Token(ctx context.Context) (saltoks.Token, error) {
	if err := ctx.Err(); err != nil {
		return saltoks.Token{}, err
	}
	for own := (*flight)(nil); ; {
		token, w := r.join(ctx, own)
		if w.flight == nil {
			return token, nil
		}
		own = w.own
		var over <-chan time.Time
		if w.patience > 0 {
			over = time.After(w.patience)
		}
		select {
		case <-w.confirmed:
		case <-w.flight.done:
			if token, again, err := r.landed(w.flight); !again {
				return token, err
			}
			own = nil
		case <-over:
			own = nil
			if w.confirmed != nil {
				r.unconfirmed()
			}
		case <-ctx.Done():
			return saltoks.Token{}, ctx.Err()
		}
	}
}

// wait describes what a caller must wait for.
type wait struct {
	flight    *flight // nil: there is no need to wait
	own       *flight // the flight that this caller started
	confirmed chan struct{}
	patience  time.Duration // 0: without a limit
}

// join returns the current token if it can be used immediately, else what to
// wait for. own is the flight that this caller started before.
func (r *refresher) join(ctx context.Context, own *flight) (saltoks.Token, wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	serves := r.serves(now)
	due := serves && r.recheck > 0 && elapsed(r.checked, now) >= r.recheck
	if serves && !due && (r.cur.fresh(now) || r.flight != nil && r.flight != own) {
		return r.cur.token, wait{}
	}
	if r.flight == nil {
		own = r.launch(ctx)
	}
	w := wait{flight: r.flight, own: own}
	switch {
	case due:
		w.confirmed, w.patience = r.flight.confirmed, recheckLimit
	case serves:
		w.patience = refreshPatience
	}
	return saltoks.Token{}, w
}

// serves reports whether the token in memory may be returned.
func (r *refresher) serves(now time.Time) bool {
	over := !r.failing.IsZero() && elapsed(r.failing, now) >= recheckGrace
	return r.cur.usable(now) && !(r.recheck > 0 && over)
}

// landed returns the result of a flight, or the token in memory if the flight
// failed and that token can be used. again is true if SALTO rejected the result
// while the flight was comparing it with the stored one.
func (r *refresher) landed(f *flight) (token saltoks.Token, again bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case f.err == nil && f.got.token.Access.Equal(r.rejected):
		return saltoks.Token{}, true, nil
	case f.err == nil:
		return f.got.token, false, nil
	case r.serves(r.now()):
		return r.cur.token, false, nil
	}
	return saltoks.Token{}, false, f.err
}

// confirm records that the token in memory was compared with the stored one.
func (r *refresher) confirm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked, r.failing = r.now(), time.Time{}
	if r.flight != nil {
		r.flight.confirm()
	}
}

// unconfirmed records that the token in memory could not be compared.
func (r *refresher) unconfirmed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(r.now())
}

func (r *refresher) fail(now time.Time) {
	r.checked = now
	if r.failing.IsZero() {
		r.failing = now
	}
}

// launch starts the only goroutine that may outlive its caller: if a deadline
// interrupted a refresh after the server rotated the refresh token, the only
// valid one would be lost.
func (r *refresher) launch(ctx context.Context) *flight {
	f := &flight{confirmed: make(chan struct{}), done: make(chan struct{})}
	f.confirm = sync.OnceFunc(func() { close(f.confirmed) })
	r.flight = f
	rejected := r.rejected
	ctx = context.WithoutCancel(ctx)
	go func() {
		f.err = errNoFlight // in case the host's code ends this goroutine
		defer r.land(f)
		f.got, f.err = hostcall.Get("a Store, a Sealer or a transport", func() (held, error) { return r.fetch(ctx, rejected) })
	}()
	return f
}

var errNoFlight = errors.New("saltoauth: the token refresh was interrupted by code of the host: try again")

// land stores the result of a flight, and wakes the callers that wait for it.
func (r *refresher) land(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	if r.flight != f {
		f.got, f.err = held{}, ErrNotConnected // end was called in the meantime
		return
	}
	now := r.now()
	r.flight = nil
	if f.err == nil {
		r.checked, r.failing = now, time.Time{}
		if !f.got.token.Access.Equal(r.rejected) { // else SALTO rejected it during the flight
			r.cur, r.rejected = f.got, saltoks.Secret{}
		}
		return
	}
	select {
	case <-f.confirmed:
	default:
		r.fail(now)
	}
	if !r.cur.fresh(now) {
		r.cur.refreshAt = now.Add(backoffFirst) // no other flight before, while cur is usable
	}
}

// drop makes the next Token call fetch a token, even if the one in memory is valid.
func (r *refresher) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cur = held{}
}

// end does what drop does, and discards the result of a flight in progress.
func (r *refresher) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cur, r.flight = held{}, nil
}

// Reject makes the next Token call fetch another token, if t is still the
// current one.
func (r *refresher) Reject(_ context.Context, t saltoks.Token) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.Access.IsZero() && t.Access.Equal(r.cur.token.Access) {
		r.cur, r.rejected = held{}, t.Access
	}
	return nil
}

// Wait returns when no refresh is in flight, so that a rotated token is saved
// before the process ends, or with ctx's error. Client.Close calls it.
func (r *refresher) Wait(ctx context.Context) error {
	r.mu.Lock()
	f := r.flight
	r.mu.Unlock()
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Format keeps tokens out of the output, and does not read fields that change
// concurrently.
func (r *refresher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "token source") }
