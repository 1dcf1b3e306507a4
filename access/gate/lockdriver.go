package gate

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// LockDriver moves locks. The gate sends all its commands through it.
type LockDriver interface {
	// Move sends one command, once: no retry, no redirect, no replay. It obtains what
	// it needs first (token, one-time code, a connection) and calls c.Left right before
	// the first byte: if that is 0 or less, it sends nothing and returns NotSent with
	// CauseDeadline. It returns soon after ctx ends.
	//
	// The outcome is Denied (no call was made because of a rule of the lock
	// system: CauseIQNotActivated), NotSent, Accepted, Refused or Unconfirmed.
	// If it is not known whether a byte was written, it is Unconfirmed.
	Move(ctx context.Context, c Command) Result
}

// Command is one command to one lock.
type Command struct {
	Link   Link
	Action access.Action
	// SendBy is the instant, by the gate's clock, from which on nothing may be sent.
	SendBy time.Time
	left   func() time.Duration
}

// NewCommand makes a Command whose Left calls left; with nil, Left compares
// SendBy with the wall clock. Drivers get their commands from the gate; this is
// for their tests.
func NewCommand(link Link, action access.Action, sendBy time.Time, left func() time.Duration) Command {
	return Command{link, action, sendBy, left}
}

// Left returns how long the command may still be sent: 0 or less means no longer. It
// returns the shorter time of the wall clock and the elapsed time: neither a clock that
// was set back nor a suspended machine extends it.
func (c Command) Left() time.Duration {
	if c.left == nil {
		return time.Until(c.SendBy.Round(0)) // without the monotonic reading
	}
	return c.left()
}

// Result is the result of a Command. The zero Result counts as Unconfirmed.
type Result struct {
	Outcome Outcome
	Cause   Cause
	// Err is for staff; it must not contain a secret.
	Err error
}
