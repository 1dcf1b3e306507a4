package access

import (
	"fmt"
	"slices"
	"time"
)

// Hours are the times at which a membership type or a grant opens a door:
// always, or weekly ranges in the site's time zone. The zero value is absent
// and refused; make one with [Always] or [Weekly].
type Hours struct {
	Always bool    // every instant, exceptions included; either this ...
	Ranges []Range // ... or at least one range
}

// Always returns the hours that are open at every instant.
func Always() Hours { return Hours{Always: true} }

// Weekly returns the hours that are open in each of the ranges.
func Weekly(ranges ...Range) Hours { return Hours{Ranges: ranges} }

// Range is a span of wall-clock time on certain weekdays. From is included, To
// is not. A To before From means that the range ends on the next day; the part
// after midnight belongs to the day on which it started.
type Range struct {
	Days []Day `json:"days,omitzero"` // each at most once; in an exception none
	From Clock `json:"from"`
	To   Clock `json:"to"`
}

// Day is a day of the week, with the numbers of [time.Weekday].
type Day time.Weekday

// The days of the week.
const (
	Mon = Day(time.Monday)
	Tue = Day(time.Tuesday)
	Wed = Day(time.Wednesday)
	Thu = Day(time.Thursday)
	Fri = Day(time.Friday)
	Sat = Day(time.Saturday)
	Sun = Day(time.Sunday)
)

// String returns the English name, such as "Monday".
func (d Day) String() string { return time.Weekday(d).String() }

// MarshalText returns the name of the day in documents, such as "mon".
func (d Day) MarshalText() ([]byte, error) {
	if d < Sun || d > Sat {
		return nil, fmt.Errorf("access: %d is not a day of the week", int(d))
	}
	return []byte(dayName(d)), nil
}

// UnmarshalText reads "mon", "tue", "wed", "thu", "fri", "sat" or "sun".
func (d *Day) UnmarshalText(text []byte) error { return readText(d, text, parseDay) }

// readText is an UnmarshalText that does not change the value if parse fails.
func readText[T any](to *T, text []byte, parse func(string) (T, error)) error {
	value, err := parse(string(text))
	if err == nil {
		*to = value
	}
	return err
}

// Days returns the days from first to last, both included, over the end of the
// week if needed: Days(Mon, Fri), Days(Mon, Sun), Days(Sat, Mon). It returns nil,
// which is refused in a Range, if one of them is not a day.
func Days(first, last Day) []Day {
	if first < Sun || first > Sat || last < Sun || last > Sat {
		return nil
	}
	days := []Day{first}
	for d := first; d != last; {
		d = (d + 1) % 7
		days = append(days, d)
	}
	return days
}

// dayNames are the names of the days in a document, by time.Weekday.
var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseDay returns the day with a name, missing if there is none.
func parseDay(s string) (Day, error) {
	if d := slices.Index(dayNames[:], s); d >= 0 {
		return Day(d), nil
	}
	return missing, fmt.Errorf("%q is not a day: mon, tue, wed, thu, fri, sat or sun", s)
}

// dayName returns the name of a day; what is not a day keeps its number.
func dayName(d Day) string {
	if d < Sun || d > Sat {
		return d.String()
	}
	return dayNames[d]
}

// Clock is a time of day on the wall clock, in minutes after 00:00. 24:00 is
// allowed as the end of a range only.
type Clock int16

// At returns the clock that shows hour and minute, as in At(8, 30).
func At(hour, minute int) Clock { return Clock(hour*60 + minute) }

// ParseClock reads "HH:MM", from "00:00" to "24:00".
func ParseClock(s string) (Clock, error) {
	if s == "24:00" {
		return At(24, 0), nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q is not a time of day: write HH:MM, 00:00 to 24:00", s)
	}
	return At(t.Hour(), t.Minute()), nil
}

// String returns "HH:MM".
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText returns "HH:MM".
func (c Clock) MarshalText() ([]byte, error) {
	if !c.valid() {
		return nil, fmt.Errorf("access: %d minutes is not a time of day", int(c))
	}
	return []byte(c.String()), nil
}

// UnmarshalText is [ParseClock].
func (c *Clock) UnmarshalText(text []byte) error { return readText(c, text, ParseClock) }

// valid reports whether c lies between 00:00 and 24:00.
func (c Clock) valid() bool { return c >= 0 && c <= 24*60 }

// Date is a local date of the site, without a time.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads "YYYY-MM-DD" and refuses dates that do not exist.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date: write YYYY-MM-DD", s)
	}
	return dateOf(t), nil
}

// String returns "YYYY-MM-DD".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// MarshalText returns "YYYY-MM-DD".
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDate].
func (d *Date) UnmarshalText(text []byte) error { return readText(d, text, ParseDate) }

// valid reports whether d exists in the calendar, in the years 0 to 9999.
func (d Date) valid() bool {
	return d.Year >= 0 && d.Year <= 9999 && dateOf(d.midnight()) == d
}

// midnight is the beginning of the date in UTC: calendar arithmetic only, not the
// beginning of a day at a site.
func (d Date) midnight() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// dayNumber is the number of days from 1970-01-01 to d.
func (d Date) dayNumber() int64 { return d.midnight().Unix() / 86400 }
