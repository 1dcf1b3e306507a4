package reservation

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLife(t *testing.T) {
	r := booking("r", "ada", 0, 60)
	with := func(change func(*Reservation)) Reservation {
		c := r
		change(&c)
		return c
	}
	cancelled := with(func(r *Reservation) { r.Status = Cancelled })
	pending := with(func(r *Reservation) { r.Status = Pending })
	ended := with(func(r *Reservation) { r.EndedAt = at(20) })
	for name, c := range map[string]struct {
		got  func() (Reservation, error)
		want Reservation
		err  error
	}{
		"end early":            {func() (Reservation, error) { return r.EndEarly(at(20)) }, ended, nil},
		"end at the start":     {func() (Reservation, error) { return r.EndEarly(at(0)) }, with(func(r *Reservation) { r.EndedAt = at(0) }), nil},
		"end cancelled":        {func() (Reservation, error) { return cancelled.EndEarly(at(20)) }, cancelled, ErrCancelled},
		"end pending":          {func() (Reservation, error) { return pending.EndEarly(at(20)) }, pending, ErrNotConfirmed},
		"end twice":            {func() (Reservation, error) { return ended.EndEarly(at(30)) }, ended, ErrEnded},
		"end before the start": {func() (Reservation, error) { return r.EndEarly(at(-1)) }, r, ErrNotStarted},
		"end at the end":       {func() (Reservation, error) { return r.EndEarly(at(60)) }, r, ErrOver},
		"undo":                 {ended.UndoEndEarly, r, nil},
		"undo nothing":         {r.UndoEndEarly, r, ErrNotEnded},
		"undo cancelled":       {cancelled.UndoEndEarly, cancelled, ErrCancelled},
		"extend":               {func() (Reservation, error) { return r.Extend(at(90)) }, booking("r", "ada", 0, 90), nil},
		"extend pending": {func() (Reservation, error) { return pending.Extend(at(90)) },
			with(func(r *Reservation) { r.Status, r.End = Pending, at(90) }), nil},
		"extend cancelled":  {func() (Reservation, error) { return cancelled.Extend(at(90)) }, cancelled, ErrCancelled},
		"extend ended":      {func() (Reservation, error) { return ended.Extend(at(90)) }, ended, ErrEnded},
		"extend to the end": {func() (Reservation, error) { return r.Extend(at(60)) }, r, ErrNotLater},
		"move":              {func() (Reservation, error) { return r.Move(at(120), at(150)) }, booking("r", "ada", 120, 150), nil},
		"move cancelled":    {func() (Reservation, error) { return cancelled.Move(at(120), at(150)) }, cancelled, ErrCancelled},
		"move ended":        {func() (Reservation, error) { return ended.Move(at(120), at(150)) }, ended, ErrEnded},
		"move backwards":    {func() (Reservation, error) { return r.Move(at(120), at(120)) }, r, ErrBackwards},
		"cancel":            {r.Cancel, cancelled, nil},
		"cancel pending":    {pending.Cancel, cancelled, nil},
		"cancel twice":      {cancelled.Cancel, cancelled, ErrCancelled},
		"cancel ended":      {ended.Cancel, ended, ErrEnded},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.got()
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if change, ok := errors.AsType[*ChangeError](err); c.err != nil && (!ok || change.ID != "r" || change.Op == "") {
				t.Errorf("%T %v does not say what was refused", err, err)
			}
		})
	}
}

// Instants come from clocks that are finer than the facts allow, and with a
// monotonic reading.
func TestChangesAreCutToMicroseconds(t *testing.T) {
	r := booking("r", "ada", 0, 60)
	r.Start, r.End = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ended, err := r.EndEarly(time.Now())
	if err != nil || ended.EndedAt.Nanosecond()%1000 != 0 || ended.EndedAt != ended.EndedAt.Round(0) {
		t.Errorf("ended at %v, %v", ended.EndedAt, err)
	}
	longer, err := r.Extend(time.Now().Add(2*time.Hour + 999))
	if err != nil || longer.End.Nanosecond()%1000 != 0 {
		t.Errorf("extended to %v, %v", longer.End, err)
	}
	moved, err := r.Move(time.Now(), time.Now().Add(time.Hour))
	if err != nil || moved.Start.Nanosecond()%1000 != 0 || moved.End.Nanosecond()%1000 != 0 {
		t.Errorf("moved to %v, %v, %v", moved.Start, moved.End, err)
	}
	if _, err := r.Move(at(0), at(0).Add(999)); !errors.Is(err, ErrBackwards) {
		t.Errorf("a move to less than a microsecond: %v", err)
	}
}
