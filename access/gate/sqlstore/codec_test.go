package sqlstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
)

func TestHoursText(t *testing.T) {
	weekly := access.Weekly(
		access.Range{Days: []access.Day{access.Mon, access.Sun}, From: access.At(8, 5), To: access.At(24, 0)},
		access.Range{From: access.At(22, 0), To: access.At(2, 30)},
	)
	for _, c := range []struct {
		hours access.Hours
		text  string
	}{
		{access.Hours{}, ""},
		{access.Always(), "always"},
		{access.Hours{Always: true, Ranges: weekly.Ranges[1:]}, "always; 22:00-02:30"},
		{weekly, "mon,sun 08:05-24:00; 22:00-02:30"},
	} {
		text, err := hoursText(c.hours)
		if err != nil || text != c.text {
			t.Errorf("hoursText(%v) = %q, %v, want %q", c.hours, text, err, c.text)
		}
		back, err := readHours(text)
		if diff := cmp.Diff(c.hours, back); err != nil || diff != "" {
			t.Errorf("readHours(%q): %v %s", text, err, diff)
		}
	}
}

func TestHoursTextRefusesWhatItCouldNotRead(t *testing.T) {
	for _, r := range []access.Range{
		{Days: []access.Day{7}, From: 0, To: 60},
		{From: -1, To: 60},
		{From: 0, To: 24*60 + 1},
	} {
		if text, err := hoursText(access.Weekly(r)); err == nil {
			t.Errorf("hoursText(%v) = %q, want an error", r, text)
		}
	}
	for _, text := range []string{"mon", "mon 08:00", "funday 08:00-09:00", "always 08:00-09:00", "always08:00-09:00", "always; always", "08:00-09:00; always", "mon,,tue 08:00-09:00"} {
		if h, err := readHours(text); err == nil {
			t.Errorf("readHours(%q) = %v, want an error", text, h)
		}
	}
}

func TestInstantsAreExactToTheMicrosecond(t *testing.T) {
	for _, at := range []time.Time{
		time.Unix(0, 0),
		time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(2026, 5, 4, 12, 0, 0, 123456000, time.FixedZone("", 3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	} {
		n := micros(at).(int64)
		if back := time.UnixMicro(n); !back.Equal(at) || !whole(at).Equal(at) {
			t.Errorf("%v comes back as %v, cut %v", at, back, whole(at))
		}
	}
	if micros(time.Time{}) != nil {
		t.Error("the zero time is not stored as NULL")
	}
	if at := time.Unix(1, 999); !whole(at).Equal(time.Unix(1, 0)) {
		t.Errorf("nanoseconds are not cut: %v", whole(at))
	}
}
