package reservation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
		neighbors   []Reservation
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
			if diff := cmp.Diff(want, c.buffers.Window(c.r, c.neighbors...)); diff != "" {
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

func TestOverride(t *testing.T) {
	site := Buffers{Before: 15 * time.Minute, After: 15 * time.Minute, Clip: true}
	if got := site.Override(nil, nil); got != site {
		t.Errorf("nothing to override: %+v", got)
	}
	if got, want := site.Override(new(5*time.Minute), new(time.Duration)), (Buffers{Before: 5 * time.Minute, Clip: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
