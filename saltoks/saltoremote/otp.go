package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks"
)

// OTPProvider gives the code for one command to one IQ. SALTO does not publish
// how a code is made, so the way is open: NewLocalOTP computes it, StaticOTP
// and OTPFunc take it from a person or from another service.
//
// Each code is used for one command. An error means that nothing was sent.
// Implementations honour ctx and are safe for concurrent use.
type OTPProvider interface {
	OTP(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error)
}

// OTPFunc makes a function an OTPProvider.
type OTPFunc func(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error)

// OTP calls f.
func (f OTPFunc) OTP(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error) {
	if f == nil {
		return saltoks.OTP{}, errors.New("saltoks: a nil OTPFunc gives no code")
	}
	return f(ctx, site, iq)
}

// provided is a provider's code. One that is no code at all is not sent: it
// would count as a wrong one at SALTO.
func provided(ctx context.Context, p OTPProvider, at siteIQ) (code saltoks.OTP, err error) {
	err = hostcall.Contain("the OTPProvider", func() error { code, err = p.OTP(ctx, at.site, at.iq); return err })
	if err == nil {
		err = ctx.Err() // too late for this command
	}
	if err == nil && !codeLike(code.Reveal()) {
		err = errors.New("it must return letters and digits, 5 of them as far as known, or an error")
	}
	if err != nil {
		return saltoks.OTP{}, fmt.Errorf("saltoks: %w: %w", ErrOTPProvider, err)
	}
	return code, nil
}

// ErrOTPProvider: a host's own OTPProvider failed, or gave what is no code.
// Nothing was sent.
var ErrOTPProvider = errors.New("the OTPProvider gave no code")

// codeLike takes any short text of letters and digits, since SALTO publishes
// nothing about codes.
func codeLike(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 16
}

// StaticOTP always gives the one code, such as one that a person reads to you.
// SALTO takes a code for three minutes (WIRE.md 3.2).
func StaticOTP(code saltoks.OTP) OTPProvider {
	return OTPFunc(func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.OTP, error) {
		if code.IsZero() {
			return saltoks.OTP{}, errors.New("saltoks: the static one-time code is empty")
		}
		return code, nil
	})
}

const (
	// otpMaxAge is how far back a second is still taken. SALTO allows three
	// minutes (WIRE.md 3.2): two remain for its clock, ours and the way there.
	otpMaxAge = 60
	// otpMaxStart bounds the random start: processes that know nothing of each
	// other rarely pick the same second.
	otpMaxStart = 30
	// otpMaxWait bounds how long a command waits for an unused second.
	otpMaxWait = 10 * time.Second
)

// LocalOTP computes codes on this machine, and no two of them for one IQ from
// the same second: it takes the newest unused second that is at most 60 s old,
// counted from a start that each LocalOTP picks at random 0 to 30 s back. So it
// gives at least 31 codes at once and one per second from then on. Make one per
// SALTO user with NewLocalOTP; it is safe for concurrent use.
type LocalOTP struct {
	keys  func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.IQKey, error)
	now   func() time.Time
	start int64 // seconds

	mu   sync.Mutex
	used map[siteIQ]*usedSeconds
}

type siteIQ struct {
	site saltoks.SiteID
	iq   saltoks.IQID
}

// NewLocalOTP returns a provider that asks keys for the secret and PIN of each
// command. now is the clock, nil for time.Now: it must be within a minute or so
// of true time, as SALTO refuses codes that are three minutes off.
func NewLocalOTP(keys func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.IQKey, error), now func() time.Time) (*LocalOTP, error) {
	if keys == nil {
		return nil, errors.New("saltoks: NewLocalOTP wants a function that finds the secret and PIN of an IQ")
	}
	return newLocalOTP(keys, now), nil
}

func newLocalOTP(keys func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.IQKey, error), now func() time.Time) *LocalOTP {
	if now == nil {
		now = time.Now
	}
	return &LocalOTP{keys: keys, now: hostcall.Clock(now), start: rand.Int64N(otpMaxStart + 1), used: make(map[siteIQ]*usedSeconds)}
}

// OTP returns the next code. When every second is used it waits for the next
// one, for less than 10 s and only if that comes before ctx ends; otherwise it fails
// at once with an *OTPExhaustedError.
func (p *LocalOTP) OTP(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error) {
	if p.keys == nil {
		return saltoks.OTP{}, errors.New("saltoks: a zero LocalOTP gives no code: NewLocalOTP makes one")
	}
	var key saltoks.IQKey
	err := hostcall.Contain("the keys of NewLocalOTP", func() (err error) { key, err = p.keys(ctx, site, iq); return err })
	if err != nil {
		return saltoks.OTP{}, err
	}
	return p.code(ctx, siteIQ{site, iq}, key)
}

func (p *LocalOTP) code(ctx context.Context, at siteIQ, key saltoks.IQKey) (saltoks.OTP, error) {
	if key.Secret.IsZero() || key.PIN.IsZero() {
		return saltoks.OTP{}, fmt.Errorf("saltoks: no secret or no PIN for IQ %s: %w", at.iq, saltoks.ErrIQNotActivated)
	}
	second, err := p.second(ctx, at)
	if err != nil {
		return saltoks.OTP{}, err
	}
	return key.OTP(time.Unix(second, 0)), nil
}

// second reserves an unused second, and waits for it where it has yet to come.
func (p *LocalOTP) second(ctx context.Context, at siteIQ) (int64, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	now := p.now()
	if !hostcall.ClockIsSet(now) {
		return 0, ErrClock
	}
	limit := otpMaxWait
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}

	p.mu.Lock()
	used := p.used[at]
	if used == nil {
		used = new(usedSeconds)
		p.used[at] = used
	}
	newest := now.Unix() - p.start
	second := used.find(newest, now.Unix()-otpMaxAge)
	wait := time.Unix(second+p.start, 0).Sub(now) // at most 0 for a second that has come
	if wait > 0 && wait >= limit {                // a second that comes with the deadline is of no use
		p.mu.Unlock()
		return 0, &OTPExhaustedError{IQ: at.iq, RetryAfter: wait}
	}
	used.mark(second)
	p.mu.Unlock()
	if wait <= 0 {
		return second, nil
	}

	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return second, nil
	case <-ctx.Done():
		p.mu.Lock()
		used.free(second)
		p.mu.Unlock()
		return 0, context.Cause(ctx)
	}
}

// usedSeconds remembers the seconds of the last 17 minutes, so that a clock set
// back does not repeat one: slot s%1024 holds s once s is used.
type usedSeconds [1024]int64

// find returns the newest unused second from newest back to oldest, or else the
// first unused one after newest.
func (u *usedSeconds) find(newest, oldest int64) int64 {
	for s := newest; s >= oldest; s-- {
		if !u.is(s) {
			return s
		}
	}
	s := newest + 1
	for u.is(s) {
		s++
	}
	return s
}

func (u *usedSeconds) is(s int64) bool { return u[s&1023] == s }
func (u *usedSeconds) mark(s int64)    { u[s&1023] = s }
func (u *usedSeconds) free(s int64)    { u[s&1023] = 0 }

// OTPExhaustedError says that every second a code could be made from is used.
// Nothing was sent. errors.Is finds ErrRateLimited.
type OTPExhaustedError struct {
	IQ saltoks.IQID
	// RetryAfter is how long until the next unused second.
	RetryAfter time.Duration
}

// Error names the wait.
func (e *OTPExhaustedError) Error() string {
	return fmt.Sprintf("saltoks: too many commands at once for IQ %s: no unused one-time code for %s, try again then", e.IQ, e.RetryAfter.Round(100*time.Millisecond))
}

// Unwrap returns ErrRateLimited.
func (e *OTPExhaustedError) Unwrap() error { return saltoks.ErrRateLimited }
