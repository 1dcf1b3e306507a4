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

// OTPFunc returns the one-time code for one command to one IQ, such as a code
// that a person entered or that another service computed.
//
// Each code is used for one command. If the function returns an error, nothing
// is sent. It must return soon after ctx ends and must be safe for concurrent
// use.
type OTPFunc func(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error)

// call returns the host's code. A text that cannot be a code is not sent: SALTO
// would count it as a wrong code.
func (f OTPFunc) call(ctx context.Context, at siteIQ) (saltoks.OTP, error) {
	code, err := hostcall.Get("the OTPFunc", func() (saltoks.OTP, error) { return f(ctx, at.site, at.iq) })
	if err == nil {
		err = ctx.Err() // too late for this command
	}
	if err == nil && !codeLike(code.Reveal()) {
		err = errors.New("it must return letters and digits (SALTO's codes have 5), or an error")
	}
	if err != nil {
		return saltoks.OTP{}, fmt.Errorf("%w: %w", ErrOTPFunc, err)
	}
	return code, nil
}

// ErrOTPFunc means that Config.OTP failed, or returned a text that cannot be a
// code. Nothing was sent.
var ErrOTPFunc = errors.New("the OTPFunc returned no code")

// ErrClock means that the clock is before 1990, for example because the machine
// has no clock battery and has just started. Codes computed from it would be
// wrong, and SALTO blocks a user after wrong codes. Nothing was sent.
var ErrClock = errors.New("this machine's clock is wrong: set it, best by NTP, and try again")

// codeLike accepts any short text of letters and digits: another service's codes
// may have another length.
func codeLike(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 16
}

const (
	// otpMaxAge is the maximum age, in seconds, of the second that a code is
	// computed from. SALTO accepts three minutes: two remain for clock
	// differences and the network.
	otpMaxAge = 60
	// otpMaxStart bounds the random start in seconds, so that independent
	// processes rarely choose the same second.
	otpMaxStart = 30
	// otpMaxWait bounds how long a command waits for an unused second.
	otpMaxWait = 10 * time.Second
)

// localCodes computes the codes of one SALTO user. It never computes two codes
// for one IQ from the same second: it uses the newest unused second that is at
// most 60 seconds old. The search starts 0 to 30 s in the past, an offset that
// is chosen at random. So at least 31 codes are available immediately, and then
// one per second. It is safe for concurrent use.
type localCodes struct {
	now   func() time.Time
	start int64 // seconds

	mu   sync.Mutex
	used map[siteIQ]*usedSeconds
}

func newLocalCodes(now func() time.Time) *localCodes {
	return &localCodes{now: now, start: rand.Int64N(otpMaxStart + 1), used: make(map[siteIQ]*usedSeconds)}
}

type siteIQ struct {
	site saltoks.SiteID
	iq   saltoks.IQID
}

// code returns the next code. If every second is used, it waits for the next
// one, but only if the wait is shorter than 10 s and ends before ctx's
// deadline; otherwise it fails immediately with ErrRateLimited.
func (p *localCodes) code(ctx context.Context, at siteIQ, key saltoks.IQKey) (saltoks.OTP, error) {
	if key.Secret.IsZero() || key.PIN.IsZero() {
		return saltoks.OTP{}, fmt.Errorf("no secret or no PIN for IQ %s: %w", at.iq, saltoks.ErrIQNotActivated)
	}
	second, err := p.second(ctx, at)
	if err != nil {
		return saltoks.OTP{}, err
	}
	return key.OTP(time.Unix(second, 0)), nil
}

// second reserves an unused second, and waits for it if it is in the future.
func (p *localCodes) second(ctx context.Context, at siteIQ) (int64, error) {
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
	wait := time.Unix(second+p.start, 0).Sub(now) // zero or negative for a second in the past
	if wait > 0 && wait >= limit {                // a code at the deadline would be useless
		p.mu.Unlock()
		return 0, retryError(wait, fmt.Errorf("too many commands at once for IQ %s: %w", at.iq, saltoks.ErrRateLimited))
	}
	used.mark(second)
	p.mu.Unlock()
	if wait <= 0 {
		return second, nil
	}

	select {
	case <-time.After(wait):
		return second, nil
	case <-ctx.Done():
		p.mu.Lock()
		used.free(second)
		p.mu.Unlock()
		return 0, context.Cause(ctx)
	}
}

// usedSeconds holds the used seconds of the last 17 minutes, so that no second
// is repeated when the clock is set back. Slot s%1024 holds s once s is used.
type usedSeconds [1024]int64

// find returns the newest unused second from newest back to oldest; if there is
// none, the first unused one after newest.
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
