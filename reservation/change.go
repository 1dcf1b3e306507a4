package reservation

import (
	"errors"
	"fmt"
	"time"
)

// Why a reservation cannot be changed as requested. A [ChangeError] wraps one.
var (
	ErrCancelled    = errors.New("it is cancelled")
	ErrEnded        = errors.New("it was ended early already")
	ErrNotEnded     = errors.New("it was not ended early")
	ErrNotConfirmed = errors.New("it is not confirmed")
	ErrNotStarted   = errors.New("it has not started: cancel or move it")
	ErrOver         = errors.New("it is over by then")
	ErrNotLater     = errors.New("the new end is not later than the old one: end it early to shorten it")
	ErrBackwards    = errors.New("the end is not later than the start")
)

// ChangeError reports which change of which reservation was refused, and why.
type ChangeError struct {
	Op  string // "end early", "undo the early end of", "extend", "move" or "cancel"
	ID  string // of the reservation
	Err error  // one of the errors above
}

// Error returns one sentence.
func (e *ChangeError) Error() string {
	return fmt.Sprintf("reservation: cannot %s %q: %v", e.Op, e.ID, e.Err)
}

// Unwrap returns the reason, for errors.Is.
func (e *ChangeError) Unwrap() error { return e.Err }

// EndEarly returns r ended at an instant, which is cut to microseconds: its window
// then ends as long after that as it would have after End. Only a confirmed
// reservation that has started, is not over by then and was not ended before can
// be ended early.
func (r Reservation) EndEarly(at time.Time) (Reservation, error) {
	switch {
	case r.Status == Cancelled:
		return r.refuse("end early", ErrCancelled)
	case r.Status.OrDefault() != Confirmed:
		return r.refuse("end early", ErrNotConfirmed)
	case !r.EndedAt.IsZero():
		return r.refuse("end early", ErrEnded)
	case at.Before(r.Start):
		return r.refuse("end early", ErrNotStarted)
	case !at.Before(r.End):
		return r.refuse("end early", ErrOver)
	}
	r.EndedAt = cut(at)
	return r, nil
}

// UndoEndEarly returns r as it was before EndEarly.
func (r Reservation) UndoEndEarly() (Reservation, error) {
	switch {
	case r.Status == Cancelled:
		return r.refuse("undo the early end of", ErrCancelled)
	case r.EndedAt.IsZero():
		return r.refuse("undo the early end of", ErrNotEnded)
	}
	r.EndedAt = time.Time{}
	return r, nil
}

// Extend returns r with a later end, cut to microseconds. A cancelled
// reservation, or one that was ended early, cannot be extended.
func (r Reservation) Extend(end time.Time) (Reservation, error) {
	end = cut(end)
	switch {
	case r.Status == Cancelled:
		return r.refuse("extend", ErrCancelled)
	case !r.EndedAt.IsZero():
		return r.refuse("extend", ErrEnded)
	case !end.After(r.End):
		return r.refuse("extend", ErrNotLater)
	}
	r.End = end
	return r, nil
}

// Move returns r at another time, cut to microseconds. A cancelled reservation,
// or one that was ended early, cannot be moved.
func (r Reservation) Move(start, end time.Time) (Reservation, error) {
	start, end = cut(start), cut(end)
	switch {
	case r.Status == Cancelled:
		return r.refuse("move", ErrCancelled)
	case !r.EndedAt.IsZero():
		return r.refuse("move", ErrEnded)
	case !end.After(start):
		return r.refuse("move", ErrBackwards)
	}
	r.Start, r.End = start, end
	return r, nil
}

// Cancel returns r cancelled: it opens nothing from then on, its buffers
// included. A reservation that is cancelled already, or was ended early, cannot
// be cancelled.
func (r Reservation) Cancel() (Reservation, error) {
	switch {
	case r.Status == Cancelled:
		return r.refuse("cancel", ErrCancelled)
	case !r.EndedAt.IsZero():
		return r.refuse("cancel", ErrEnded)
	}
	r.Status = Cancelled
	return r, nil
}

// refuse returns r unchanged and the error.
func (r Reservation) refuse(op string, why error) (Reservation, error) {
	return r, &ChangeError{Op: op, ID: r.ID, Err: why}
}

// cut drops what is finer than a microsecond, which the facts refuse, and the
// monotonic reading.
func cut(t time.Time) time.Time { return t.Truncate(time.Microsecond) }
