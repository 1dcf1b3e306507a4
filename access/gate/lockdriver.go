package gate

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// LockDriver moves locks. It is the gate's only connection to the lock system.
type LockDriver interface {
	// Move sends one command, once: no retry, no redirect, no replay. It obtains
	// what it needs first (token, one-time code, a connection) and asks c.Left
	// right before the first byte: 0 or less means NotSent with CauseDeadline.
	// It returns soon after ctx ends.
	//
	// The outcome is Denied (no call was made, by a rule of the lock system:
	// CauseIQNotActivated), NotSent, Accepted, Refused or Unconfirmed; whenever
	// it cannot tell whether a byte was written, it is Unconfirmed.
	Move(ctx context.Context, c Command) Result
}

// Command is one command to one lock.
type Command struct {
	Link   Link
	Action access.Action
	// SendBy is the instant, by the gate's clock, from which nothing may be sent.
	SendBy time.Time
	left   func() time.Duration
}

// NewCommand returns a Command whose Left is left; if left is nil, Left is the time
// until SendBy. Drivers receive their commands from the gate; this is for tests.
func NewCommand(link Link, action access.Action, sendBy time.Time, left func() time.Duration) Command {
	return Command{link, action, sendBy, left}
}

// Left is how long the command may still be sent: 0 or less means never. It
// watches the clock and the time that passed, whichever is stricter, so a clock
// that jumps back gains nothing.
func (c Command) Left() time.Duration {
	if c.left == nil {
		return time.Until(c.SendBy)
	}
	return c.left()
}

// Result is the outcome of a Command. The zero Result counts as Unconfirmed.
type Result struct {
	Outcome Outcome
	Cause   Cause
	// Err is for staff; it holds no secret.
	Err error
}

// deadline is an instant on two clocks: the host's, and the one that never jumps.
type deadline struct {
	g            *Gate // whose clock is the host's
	wall, steady time.Time
}

// left is 0 where the host's clock fails.
func (d deadline) left() time.Duration {
	now := d.g.clock()
	if now.IsZero() {
		return 0
	}
	return min(d.wall.Sub(now), time.Until(d.steady))
}
