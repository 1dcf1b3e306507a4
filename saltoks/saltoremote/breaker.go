package saltoremote

import (
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

const (
	// breakerWrong is how many wrong codes in a row open the breaker. SALTO blocks
	// after three (WIRE.md 3.4).
	breakerWrong = 2
	// breakerHold is a minute longer than SALTO's own block.
	breakerHold = 21 * time.Minute
)

// breaker prevents SALTO from blocking one user at one IQ: it opens after two
// wrong codes in a row or when SALTO reports a block, and closes by itself 21
// minutes later. It is part of the IQ's document, so processes share it.
type breaker struct {
	Wrong int       `json:"wrong,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// openUntil returns when the breaker closes, zero if it is closed. An instant
// more than twice breakerHold away was written with a wrong clock and is
// ignored.
func (b breaker) openUntil(now time.Time) time.Time {
	if left := b.Until.Sub(now); left <= 0 || left > 2*breakerHold {
		return time.Time{}
	}
	return b.Until
}

// check returns an error that wraps ErrOTPBlocked while the breaker is open: earlier
// codes were wrong, and SALTO blocks this user at the IQ, or would do so after another
// wrong code. Its RetryAfter is the time until commands are sent again.
func (b breaker) check(at siteIQ, now time.Time) error {
	until := b.openUntil(now)
	if until.IsZero() {
		return nil
	}
	return retryError(until.Sub(now), fmt.Errorf(
		"no command to IQ %s before %s, because one-time codes were wrong: find the cause with Activation.Diagnose (%w)",
		at.iq, until.UTC().Format(time.RFC3339), saltoks.ErrOTPBlocked))
}

// after returns the breaker after a command that was answered with err.
func (b breaker) after(now time.Time, err error) breaker {
	switch {
	case err == nil && b.openUntil(now).IsZero():
		return breaker{}
	case errors.Is(err, saltoks.ErrOTPBlocked):
		return breaker{Wrong: b.Wrong, Until: now.Add(breakerHold)}
	case errors.Is(err, saltoks.ErrOTPInvalid):
		if !b.Until.IsZero() && b.openUntil(now).IsZero() {
			b = breaker{} // it was open and closed again: count from the start
		}
		b.Wrong++
		if b.Wrong >= breakerWrong {
			b.Until = now.Add(breakerHold)
		}
	}
	return b
}
