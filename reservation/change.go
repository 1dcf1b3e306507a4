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
	Op  string `json:"op"` // "end early", "undo the early end of", "extend", "move" or "cancel"
	ID  string `json:"id"` // of the reservation
	Err error  `json:"-"`  // one of the errors above
}

// Error returns one sentence.
func (e *ChangeError) Error() string {
	return fmt.Sprintf("reservation: cannot %s %q: %v", e.Op, e.ID, e.Err)
}

// Unwrap returns the reason, for errors.Is.
func (e *ChangeError) Unwrap() error { return e.Err }

// refusal is a reason not to change a reservation, and whether it applies.
type refusal struct {
	applies bool
	why     error
}

// change returns a changed copy of r, or r and the first refusal that applies.
func (r Reservation) change(op string, refusals []refusal, apply func(r *Reservation)) (Reservation, error) {
	for _, f := range append([]refusal{{r.Status == Cancelled, ErrCancelled}}, refusals...) {
		if f.applies {
			return r, &ChangeError{Op: op, ID: r.ID, Err: f.why}
		}
	}
	apply(&r)
	return r, nil
}

// EndEarly returns r ended at an instant, which is cut to microseconds: its window
// then ends as long after that as it would have after End. Only a confirmed
// reservation that has started, is not over by then and was not ended before can
// be ended early.
func (r Reservation) EndEarly(at time.Time) (Reservation, error) {
	return r.change("end early", []refusal{
		{r.Status.OrDefault() != Confirmed, ErrNotConfirmed},
		{!r.EndedAt.IsZero(), ErrEnded},
		{at.Before(r.Start), ErrNotStarted},
		{!at.Before(r.End), ErrOver},
	}, func(r *Reservation) { r.EndedAt = cut(at) })
}

// UndoEndEarly returns r as it was before EndEarly.
func (r Reservation) UndoEndEarly() (Reservation, error) {
	return r.change("undo the early end of", []refusal{{r.EndedAt.IsZero(), ErrNotEnded}}, func(r *Reservation) { r.EndedAt = time.Time{} })
}

// Extend returns r with a later end, cut to microseconds. A cancelled
// reservation, or one that was ended early, cannot be extended.
func (r Reservation) Extend(end time.Time) (Reservation, error) {
	end = cut(end)
	return r.change("extend", []refusal{
		{!r.EndedAt.IsZero(), ErrEnded},
		{!end.After(r.End), ErrNotLater},
	}, func(r *Reservation) { r.End = end })
}

// Move returns r at another time, cut to microseconds. A cancelled reservation,
// or one that was ended early, cannot be moved.
func (r Reservation) Move(start, end time.Time) (Reservation, error) {
	start, end = cut(start), cut(end)
	return r.change("move", []refusal{
		{!r.EndedAt.IsZero(), ErrEnded},
		{!end.After(start), ErrBackwards},
	}, func(r *Reservation) { r.Start, r.End = start, end })
}

// Cancel returns r cancelled: it opens nothing from then on, its buffers
// included. A reservation that is cancelled already, or was ended early, cannot
// be cancelled.
func (r Reservation) Cancel() (Reservation, error) {
	return r.change("cancel", []refusal{{!r.EndedAt.IsZero(), ErrEnded}}, func(r *Reservation) { r.Status = Cancelled })
}

// cut drops the monotonic reading and truncates to whole microseconds, because the facts
// refuse more digits.
func cut(t time.Time) time.Time { return t.Truncate(time.Microsecond) }
