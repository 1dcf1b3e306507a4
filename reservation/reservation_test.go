package reservation

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// at is noon and some minutes.
func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func booking(id, member string, start, end int) Reservation {
	return Reservation{ID: id, Resource: "room", Member: member, Start: at(start), End: at(end)}
}

func TestStatus(t *testing.T) {
	for s, valid := range map[Status]bool{"": true, Confirmed: true, Pending: true, Cancelled: true, "gone": false, "Confirmed": false} {
		if s.Valid() != valid {
			t.Errorf("%q: valid is %v", s, s.Valid())
		}
	}
	if got := Status("").OrDefault(); got != Confirmed {
		t.Errorf("the default is %q", got)
	}
	if got := Pending.OrDefault(); got != Pending {
		t.Errorf("pending turned into %q", got)
	}
}

func TestEffectiveEnd(t *testing.T) {
	r := booking("r", "ada", 0, 60)
	for _, c := range []struct{ ended, want time.Time }{
		{time.Time{}, at(60)}, {at(30), at(30)}, {at(90), at(60)}, {at(60), at(60)}, {at(-30), at(-30)},
	} {
		r.EndedAt = c.ended
		if got := r.EffectiveEnd(); !got.Equal(c.want) {
			t.Errorf("ended at %v: %v, want %v", c.ended, got, c.want)
		}
	}
}

func TestWindow(t *testing.T) {
	r := booking("r", "ada", 0, 60)
	odd := r
	odd.EndedAt = at(-60)
	noTime := booking("n", "bob", 60, 90)
	noTime.EndedAt = at(60)
	pending := booking("p", "bob", 60, 90)
	pending.Status = Pending
	elsewhere := booking("e", "bob", 60, 90)
	elsewhere.Resource = "studio"
	overlap := Buffers{Before: 15 * time.Minute, After: 15 * time.Minute}
	clip := overlap
	clip.Clip = true
	for name, c := range map[string]struct {
		buffers     Buffers
		r           Reservation
		neighbours  []Reservation
		from, until int
	}{
		"alone":                    {clip, r, []Reservation{r}, -15, 75},
		"overlap ignores":          {overlap, r, []Reservation{booking("n", "bob", 60, 90)}, -15, 75},
		"cut behind":               {clip, r, []Reservation{booking("n", "bob", 65, 90), booking("m", "cyd", 70, 80)}, -15, 65},
		"cut in front":             {clip, r, []Reservation{booking("n", "bob", -60, -5), booking("m", "cyd", -60, -10)}, -5, 75},
		"touching":                 {clip, r, []Reservation{booking("n", "bob", -60, 0), booking("m", "cyd", 60, 80)}, 0, 60},
		"too far to cut":           {clip, r, []Reservation{booking("n", "bob", -60, -20), booking("m", "cyd", 80, 90)}, -15, 75},
		"own do not cut":           {clip, r, []Reservation{booking("n", "ada", 60, 90)}, -15, 75},
		"pending do not cut":       {clip, r, []Reservation{pending}, -15, 75},
		"other resources do not":   {clip, r, []Reservation{elsewhere}, -15, 75},
		"an overlapping one cuts":  {clip, r, []Reservation{booking("n", "bob", 30, 90)}, -15, 60},
		"overlapped in front":      {clip, r, []Reservation{booking("n", "bob", -30, 5)}, 0, 75},
		"cut on both sides":        {clip, r, []Reservation{booking("n", "bob", -30, 90)}, 0, 60},
		"within it":                {clip, r, []Reservation{booking("n", "bob", 10, 50)}, -15, 75},
		"same time":                {clip, r, []Reservation{booking("n", "bob", 0, 60)}, -15, 75},
		"no time cuts nothing":     {clip, r, []Reservation{noTime}, -15, 75},
		"pending ones have theirs": {clip, pending, []Reservation{r}, 60, 105},
		"ended before it started":  {overlap, odd, nil, -15, -45},
	} {
		t.Run(name, func(t *testing.T) {
			want := Window{at(c.from), at(c.until)}
			if diff := cmp.Diff(want, c.buffers.Window(c.r, c.neighbours...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWindowIsHalfOpen(t *testing.T) {
	w := Window{at(0), at(60)}
	for minute, in := range map[int]bool{-1: false, 0: true, 59: true, 60: false} {
		if w.Contains(at(minute)) != in {
			t.Errorf("minute %d: in is %v", minute, !in)
		}
	}
	if w.Empty() || !(Window{at(0), at(0)}).Empty() || !(Window{at(1), at(0)}).Empty() {
		t.Error("a window is empty if and only if its end is not after its start")
	}
}

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
		"extend":               {func() (Reservation, error) { return r.Extend(at(90)) }, booking("r", "ada", 0, 90), nil},
		"extend pending":       {func() (Reservation, error) { return pending.Extend(at(90)) }, with(func(r *Reservation) { r.Status, r.End = Pending, at(90) }), nil},
		"extend cancelled":     {func() (Reservation, error) { return cancelled.Extend(at(90)) }, cancelled, ErrCancelled},
		"extend ended":         {func() (Reservation, error) { return ended.Extend(at(90)) }, ended, ErrEnded},
		"extend to the end":    {func() (Reservation, error) { return r.Extend(at(60)) }, r, ErrNotLater},
		"move":                 {func() (Reservation, error) { return r.Move(at(120), at(150)) }, booking("r", "ada", 120, 150), nil},
		"move cancelled":       {func() (Reservation, error) { return cancelled.Move(at(120), at(150)) }, cancelled, ErrCancelled},
		"move ended":           {func() (Reservation, error) { return ended.Move(at(120), at(150)) }, ended, ErrEnded},
		"move backwards":       {func() (Reservation, error) { return r.Move(at(120), at(120)) }, r, ErrBackwards},
		"cancel":               {func() (Reservation, error) { return r.Cancel() }, cancelled, nil},
		"cancel pending":       {func() (Reservation, error) { return pending.Cancel() }, cancelled, nil},
		"cancel twice":         {func() (Reservation, error) { return cancelled.Cancel() }, cancelled, ErrCancelled},
		"cancel ended":         {func() (Reservation, error) { return ended.Cancel() }, ended, ErrEnded},
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

func TestOverlaps(t *testing.T) {
	pending := booking("pending", "bob", 0, 60)
	pending.Status = Pending
	ended := booking("ended", "bob", 100, 200)
	ended.EndedAt = at(120)
	never := booking("never", "bob", 0, 60)
	never.EndedAt = at(-10)
	studio := booking("studio", "bob", 0, 300)
	studio.Resource = "a studio"
	all := []Reservation{
		booking("c", "cyd", 50, 70), booking("a", "ada", 0, 60), booking("b", "bob", 30, 55), booking("touches", "bob", 70, 80),
		pending, ended, never, studio, booking("after", "ada", 120, 130),
	}
	var got []string
	for o := range Overlaps(all) {
		got = append(got, o.First.ID+" "+o.Second.ID)
	}
	if diff := cmp.Diff([]string{"a b", "a c", "b c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for o := range Overlaps(all) {
		if o.First.ID != "a" {
			t.Errorf("the first is %s", o.First.ID)
		}
		break
	}
	moved := booking("b", "bob", 50, 75)
	var ids []string
	for _, c := range moved.Conflicts(all) {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff([]string{"c", "a", "touches"}, ids); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	moved.EndedAt = moved.Start.Add(-time.Minute)
	if c := moved.Conflicts(all); c != nil {
		t.Errorf("a booking without any time conflicts with %v", c)
	}
}

func ExampleBuffers_Window() {
	ada := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	bob := Reservation{ID: "r2", Resource: "room", Member: "bob", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)}
	buffers := Buffers{Before: 15 * time.Minute, After: 15 * time.Minute, Clip: true}
	w := buffers.Window(ada, ada, bob)
	fmt.Println(w.From.Format("15:04"), w.Until.Format("15:04"))
	// Output: 11:45 13:00
}

func ExampleReservation_EndEarly() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	r, err := r.EndEarly(noon.Add(20 * time.Minute))
	fmt.Println(r.EffectiveEnd().Format("15:04"), err)
	_, err = r.EndEarly(noon.Add(30 * time.Minute))
	fmt.Println(err)
	// Output:
	// 12:20 <nil>
	// reservation: cannot end early "r1": it was ended early already
}

func ExampleReservation_Extend() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	r, err := r.Extend(noon.Add(90 * time.Minute))
	fmt.Println(r.End.Format("15:04"), err)
	// Output: 13:30 <nil>
}

func ExampleReservation_Move() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	_, err := r.Move(noon, noon)
	fmt.Println(errors.Is(err, ErrBackwards))
	// Output: true
}

func ExampleReservation_Cancel() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	r, err := r.Cancel()
	fmt.Println(r.Status, err)
	// Output: cancelled <nil>
}

func ExampleOverlaps() {
	for o := range Overlaps([]Reservation{
		{ID: "r1", Resource: "room", Start: noon, End: noon.Add(time.Hour)},
		{ID: "r2", Resource: "room", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)},
		{ID: "r3", Resource: "room", Start: noon.Add(30 * time.Minute), End: noon.Add(time.Hour)},
	}) {
		fmt.Println(o.First.ID, "and", o.Second.ID)
	}
	// Output: r1 and r3
}

func ExampleReservation_Conflicts() {
	r := Reservation{ID: "r1", Resource: "room", Start: noon, End: noon.Add(time.Hour)}
	other := Reservation{ID: "r2", Resource: "room", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)}
	longer, _ := r.Extend(noon.Add(90 * time.Minute))
	fmt.Println(len(r.Conflicts([]Reservation{r, other})), len(longer.Conflicts([]Reservation{r, other})))
	// Output: 0 1
}
