package reservation

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// at is noon and some minutes.
func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func booking(id, member string, start, end int) Reservation {
	return Reservation{ID: id, Resource: "room", Member: member, Start: at(start), End: at(end)}
}

func TestStatus(t *testing.T) {
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
