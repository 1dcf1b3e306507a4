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

// refresher is the in-memory half of every TokenSource here: one current token,
// and at most one flight that fetches the next one.
//
// With a tenth of the lifetime left one caller starts the flight; the others go
// on with the token, which is still valid, and so does that caller when the
// flight takes longer than patience or fails. Without a valid token callers
// wait, each leaving on its own context, and share one result.
type refresher struct {
	now func() time.Time
	// fetch returns a token other than rejected (zero: nothing was rejected),
	// from wherever it is fresh. It runs detached from the caller's
	// cancellation and must bound itself.
	fetch func(ctx context.Context, rejected saltoks.Secret) (held, error)

	mu       sync.Mutex
	cur      held
	rejected bool      // SALTO answered 401 to cur
	quiet    time.Time // a failed flight: no other while cur is valid
	flight   *flight
}

var (
	_ saltoks.Rejecter = (*refresher)(nil)
	_ saltoks.Waiter   = (*refresher)(nil)
)

// held is a token and when it counts as fresh and as usable.
type held struct {
	token     saltoks.Token
	refreshAt time.Time // zero: never
	usableTo  time.Time // zero: for ever
}

type flight struct {
	done chan struct{}
	got  held
	err  error
}

// patience is how long the caller that started a flight waits for it while the
// old token is still valid: a person stands before a door.
const patience = 2 * time.Second

// newHeld derives the instants: a tenth of the lifetime is left to refresh, ten
// seconds are kept for a request on its way. Both are at least what whole
// seconds in a token's "exp" can take away from a short life.
func newHeld(t saltoks.Token, obtained time.Time) held {
	h := held{token: t}
	if t.Expiry.IsZero() {
		return h
	}
	life := t.Expiry.Sub(obtained)
	h.refreshAt = t.Expiry.Add(-min(max(life/10, 2*time.Second), life/2))
	h.usableTo = t.Expiry.Add(-min(max(life/20, 1500*time.Millisecond), life/2, 10*time.Second))
	return h
}

func (h held) fresh(now time.Time) bool {
	return !h.token.Access.IsZero() && (h.refreshAt.IsZero() || now.Before(h.refreshAt))
}

func (h held) usable(now time.Time) bool {
	return !h.token.Access.IsZero() && (h.usableTo.IsZero() || now.Before(h.usableTo))
}

// Token returns the current token, or the next one.
func (r *refresher) Token(ctx context.Context) (saltoks.Token, error) {
	if err := ctx.Err(); err != nil {
		return saltoks.Token{}, err
	}
	f, old := r.join(ctx)
	if f == nil {
		return old, nil
	}
	var tired <-chan time.Time
	if !old.Access.IsZero() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		tired = timer.C
	}
	select {
	case <-f.done:
		if f.err != nil && !old.Access.IsZero() {
			return old, nil
		}
		return f.got.token, f.err
	case <-tired:
		return old, nil
	case <-ctx.Done():
		return saltoks.Token{}, ctx.Err()
	}
}

// join answers at once (no flight) or says which flight to wait for; old is
// the token to go on with, if there is one.
func (r *refresher) join(ctx context.Context) (f *flight, old saltoks.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if !r.rejected && r.cur.usable(now) {
		old = r.cur.token
		if r.cur.fresh(now) || r.flight != nil || now.Before(r.quiet) {
			return nil, old
		}
	}
	if r.flight == nil {
		r.launch(ctx)
	}
	return r.flight, old
}

// launch starts the one goroutine that may outlive its caller: a deadline that
// cuts a refresh after the server rotated would lose the only valid token.
func (r *refresher) launch(ctx context.Context) {
	f := &flight{done: make(chan struct{})}
	r.flight = f
	var rejected saltoks.Secret
	if r.rejected {
		rejected = r.cur.token.Access
	}
	ctx = context.WithoutCancel(ctx)
	go func() {
		f.err = errNoFlight // should the host's code end this goroutine
		var quiet time.Time
		defer func() { r.land(f, quiet) }()
		f.err = hostcall.Contain("a Store, a Sealer, a clock or a transport", func() (err error) {
			if f.got, err = r.fetch(ctx, rejected); err == nil {
				return nil
			}
			quiet = r.now().Add(backoffFirst)
			if e, ok := errors.AsType[*IdentityError](err); ok && e.RetryAt.After(quiet) {
				quiet = e.RetryAt
			}
			return err
		})
	}()
}

var errNoFlight = errors.New("saltoks: the token refresh was cut off by code of the host: try again")

// land hands out what a flight brought.
func (r *refresher) land(f *flight, quiet time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flight, r.quiet = nil, quiet
	if f.err == nil {
		r.cur, r.rejected = f.got, false
	}
	close(f.done)
}

// Reject makes the next Token fetch another one, if t is still the current.
func (r *refresher) Reject(_ context.Context, t saltoks.Token) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.Access.IsZero() && t.Access.Equal(r.cur.token.Access) {
		r.rejected = true
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

// rejectPause is how soon a token that was only just granted is given up after
// a 401; otherwise an API that refuses everything would rotate at every call.
const rejectPause = 5 * time.Second

// justGranted says until when a token is too young to be given up.
func justGranted(obtained, expiry, now time.Time) (until time.Time, young bool) {
	until = obtained.Add(rejectPause)
	if !expiry.IsZero() {
		until = obtained.Add(min(rejectPause, expiry.Sub(obtained)/10))
	}
	return until, !now.Before(obtained) && now.Before(until)
}

// Format keeps tokens, and fields that change meanwhile, out of every print.
func (r *refresher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "token source") }

// The pause after a failed exchange doubles from the first to the last value.
const (
	backoffFirst = 5 * time.Second
	backoffLast  = 5 * time.Minute
)

// retryTime says when the attempt after attempts failed ones may be made: after
// the backoff, or later where the server asked for it, within the cap.
func retryTime(now time.Time, attempts int, asked time.Time) time.Time {
	pause := backoffLast
	if n := attempts - 1; n < 6 {
		pause = min(backoffLast, backoffFirst<<max(n, 0))
	}
	if wait := asked.Sub(now); !asked.IsZero() && wait > pause {
		pause = min(wait, backoffLast)
	}
	return now.Add(pause)
}
