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
	// Left returns how long the command may still be sent: 0 or less means no longer. It
	// returns the shorter time of the wall clock and the elapsed time: neither a clock
	// that was set back nor a suspended machine extends it. The gate always sets it.
	Left func() time.Duration
}

// Result is the result of a Command. The zero Result counts as Unconfirmed.
type Result struct {
	Outcome Outcome
	Cause   Cause
	// Err is for staff; it must not contain a secret.
	Err error
}
