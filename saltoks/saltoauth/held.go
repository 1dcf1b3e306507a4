package saltoauth

import (
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// held is a token in memory with the instants until which it is fresh and
// usable.
type held struct {
	token     saltoks.Token
	refreshAt time.Time // zero: never
	usableTo  time.Time // zero: without a limit
}

// newHeld derives the instants from the wall-clock times of the token: a tenth
// of the lifetime is left for the refresh, up to usableMargin for a request in
// flight. Both margins cover the rounding of a token's "exp" to whole seconds,
// which matters for a short lifetime. A token without a stated lifetime is
// refreshed when nine tenths of assumedLifetime have passed, and is usable
// until SALTO rejects it.
//
// The instants are computed from now, so that they also carry its monotonic
// reading.
func newHeld(t saltoks.Token, obtained, now time.Time) held {
	h := held{token: t}
	wall, obtained := now.Round(0), obtained.Round(0)
	if t.Expiry.IsZero() {
		h.refreshAt = now.Add(obtained.Add(assumedLifetime * 9 / 10).Sub(wall))
		return h
	}
	expiry := t.Expiry.Round(0)
	h.token.Expiry = expiry
	life, left := expiry.Sub(obtained), expiry.Sub(wall)
	h.refreshAt = now.Add(left - min(max(life/10, 2*time.Second), life/2))
	h.usableTo = now.Add(left - min(max(life/20, 1500*time.Millisecond), life/2, usableMargin))
	return h
}

func (h held) fresh(now time.Time) bool {
	return !h.token.Access.IsZero() && (h.refreshAt.IsZero() || !reached(h.refreshAt, now))
}

func (h held) usable(now time.Time) bool {
	return !h.token.Access.IsZero() && (h.usableTo.IsZero() || !reached(h.usableTo, now))
}
