package access_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
)

// FuzzParseRequest feeds any bytes: no panic, and what is taken means the same to
// encoding/json.
func FuzzParseRequest(f *testing.F) {
	for _, text := range []string{
		`{"at":"2026-05-04T14:00:00+02:00","member":"ada","door":"front","action":"unlock"}`,
		`{"at":"2026-05-04T14:00:00.000001Z","member":"","door":"front","action":"lock","holding":true}`,
		`{"at":"2026-05-04T14:00:00Z","at":"2026-05-04T14:00:00Z"}`, `{"AT":1}`, `[]`, `null`, ``, `{"at":`, "{\"member\":\"\xff\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := access.ParseRequest(data)
		if err != nil {
			if r != (access.Request{}) {
				t.Errorf("an error and a request: %+v, %v", r, err)
			}
			return
		}
		var raw struct {
			At                   time.Time
			Member, Door, Action string
			Holding              bool
		}
		if err := json.Unmarshal(data, &raw); err != nil {
			t.Fatalf("taken, but not by encoding/json: %v", err)
		}
		if !r.At.Equal(raw.At) || r.Member != raw.Member || r.Door != raw.Door || string(r.Action) != raw.Action || r.Holding != raw.Holding {
			t.Errorf("got %+v, encoding/json reads %+v", r, raw)
		}
		if y := r.At.UTC().Year(); y < 1970 || y > 9998 {
			t.Errorf("%v is out of the years of the rules", r.At)
		}
	})
}

// FuzzTimes feeds any text to the readers of instants, dates and clocks: what
// they take means the same to package time, and is written as it was.
func FuzzTimes(f *testing.F) {
	for _, text := range []string{
		"2026-05-04T14:00:00+02:00", "2026-05-04T14:00:00.000001Z", "2024-02-29T23:59:59.5-23:59", "1969-12-31T23:59:59Z",
		"2026-05-04", "2023-02-29", "0000-01-01", "08:30", "24:00", "24:01", "8:30", "", "2026-05-04T14:00:00,5Z", "2026-05-04T14:00:60Z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := access.ParseInstant(text); err == nil {
			want, err := time.Parse(time.RFC3339Nano, text)
			if err != nil || !at.Equal(want) || at.Nanosecond()%1000 != 0 || at.Year() < 1970 {
				t.Errorf("%q is %v; package time: %v, %v", text, at, want, err)
			}
			if again, err := access.ParseInstant(at.Format(time.RFC3339Nano)); err != nil || !again.Equal(at) {
				t.Errorf("%q, written and read: %v, %v", text, again, err)
			}
		} else if want, err := time.Parse(time.RFC3339, text); err == nil && !strings.Contains(text, ",") && len(text) >= 20 &&
			want.UTC().Year() >= 1970 && want.UTC().Year() <= 9999 && want.Equal(want.Truncate(time.Microsecond)) && plain(text) {
			t.Errorf("%q is refused, and package time reads %v", text, want)
		}
		if d, err := access.ParseDate(text); err == nil {
			want, err := time.Parse(time.DateOnly, text)
			if err != nil || d.String() != text || want.Day() != d.Day || want.Month() != d.Month || want.Year() != d.Year {
				t.Errorf("%q is %v; package time: %v, %v", text, d, want, err)
			}
		} else if _, err := time.Parse(time.DateOnly, text); err == nil {
			t.Errorf("%q is refused: %v", text, err)
		}
		if c, err := access.ParseClock(text); err == nil {
			if _, err := time.Parse("15:04", text); c.String() != text || err != nil && text != "24:00" {
				t.Errorf("%q is %v; package time: %v", text, c, err)
			}
		}
	})
}

// plain reports whether an instant has nothing that time.Parse takes and RFC 3339
// does not know: one digit for the hour, an offset of 24 hours, more than nine
// digits of a second, which it cuts off.
func plain(text string) bool {
	fraction := ""
	if _, rest, ok := strings.Cut(text, "."); ok {
		fraction = strings.TrimRight(rest[:max(0, strings.IndexAny(rest+"Z", "Z+-"))], "0")
	}
	offset := ""
	if n := len(text) - 6; text[len(text)-1] != 'Z' {
		offset = text[n:]
	}
	return len(fraction) <= 6 && text[10] == 'T' && text[13] == ':' && (offset == "" || offset[1:3] < "24" && offset[4:6] < "60")
}
