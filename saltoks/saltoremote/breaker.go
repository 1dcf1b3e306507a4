package saltoremote

import (
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

const (
	// breakerWrong is how many wrong codes in a row open the breaker. SALTO was
	// seen to block after three (WIRE.md 3.4, measured).
	breakerWrong = 2
	// breakerHold is a minute more than SALTO's own block (WIRE.md 3.4).
	breakerHold = 21 * time.Minute
)

// breaker keeps one user from being blocked at one IQ: it opens after two
// wrong codes in a row or when SALTO says that it blocks, and closes by itself
// 21 minutes later. It is part of the IQ's document, so processes share it.
type breaker struct {
	Wrong int       `json:"wrong,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// openUntil returns when the breaker closes, zero when it is closed. An instant
// that lies further off than the breaker ever holds was written by a wrong
// clock and does not count.
func (b breaker) openUntil(now time.Time) time.Time {
	if left := b.Until.Sub(now); left <= 0 || left > 2*breakerHold {
		return time.Time{}
	}
	return b.Until
}

// holds is an *OTPBlockedError while the breaker is open.
func (b breaker) holds(at siteIQ, now time.Time) error {
	if until := b.openUntil(now); !until.IsZero() {
		return &OTPBlockedError{at.site, at.iq, until}
	}
	return nil
}

// after is the breaker after a command that was answered with err.
func (b breaker) after(now time.Time, err error) breaker {
	switch {
	case err == nil && b.openUntil(now).IsZero():
		return breaker{}
	case errors.Is(err, saltoks.ErrOTPBlocked):
		return breaker{Wrong: b.Wrong, Until: now.Add(breakerHold)}
	case errors.Is(err, saltoks.ErrOTPInvalid):
		if !b.Until.IsZero() && b.openUntil(now).IsZero() {
			b = breaker{} // it was open and closed again: count anew
		}
		b.Wrong++
		if b.Wrong >= breakerWrong {
			b.Until = now.Add(breakerHold)
		}
	}
	return b
}

// OTPBlockedError says that no command is sent because codes were wrong before
// and SALTO would block, or does. errors.Is finds ErrOTPBlocked.
type OTPBlockedError struct {
	Site saltoks.SiteID
	IQ   saltoks.IQID
	// Until is when commands are sent again.
	Until time.Time
}

// Error names the instant and what to do.
func (e *OTPBlockedError) Error() string {
	return fmt.Sprintf("saltoks: no command to IQ %s before %s, as one-time codes were wrong: find out why meanwhile (Activation.Diagnose)", e.IQ, e.Until.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrOTPBlocked.
func (e *OTPBlockedError) Unwrap() error { return saltoks.ErrOTPBlocked }
