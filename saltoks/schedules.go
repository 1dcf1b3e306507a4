package saltoks

import (
	"errors"
	"fmt"
	"time"
)

// LockSchedule is a lock's easy office mode schedule (WIRE.md 2.5). During the
// schedule, a user with the right can start office mode at the lock; at its end
// the lock locks by itself. Times are wall-clock times in the IQ's time zone.
type LockSchedule struct {
	// AutoStart unlocks at Start without a person at the lock.
	AutoStart bool `json:"eom_auto_start"`
	Weekdays
	Start TimeOfDay `json:"start_time"`
	End   TimeOfDay `json:"end_time"`
	// From and Until limit the schedule; empty means no limit.
	From  LocalTime `json:"start_date,omitzero"`
	Until LocalTime `json:"end_date,omitzero"`
}

// TimeSchedule is when an access group's members may enter (WIRE.md 2.6). Times
// are wall-clock times in the IQ's time zone.
type TimeSchedule struct {
	ID TimeScheduleID `json:"id,omitempty"`
	Weekdays
	Start TimeOfDay `json:"start_time"`
	End   TimeOfDay `json:"end_time"`
	// From and Until limit the schedule; empty means no limit.
	From  LocalTime `json:"start_date,omitzero"`
	Until LocalTime `json:"end_date,omitzero"`
}

// Weekdays are the days of a schedule.
type Weekdays struct {
	Monday    bool `json:"monday"`
	Tuesday   bool `json:"tuesday"`
	Wednesday bool `json:"wednesday"`
	Thursday  bool `json:"thursday"`
	Friday    bool `json:"friday"`
	Saturday  bool `json:"saturday"`
	Sunday    bool `json:"sunday"`
}

// EveryDay returns all seven days.
func EveryDay() Weekdays { return Weekdays{true, true, true, true, true, true, true} }

// On reports whether d is one of the days.
func (w Weekdays) On(d time.Weekday) bool {
	days := [...]bool{w.Sunday, w.Monday, w.Tuesday, w.Wednesday, w.Thursday, w.Friday, w.Saturday}
	return d >= 0 && int(d) < len(days) && days[d]
}

// TimeOfDay is a wall-clock time, always "HH:MM:SS" on the wire: SALTO adds 59
// seconds to an end without seconds. The zero value is midnight.
type TimeOfDay struct{ Hour, Minute, Second int }

// String returns "HH:MM:SS".
func (t TimeOfDay) String() string {
	return fmt.Sprintf("%02d:%02d:%02d", t.Hour, t.Minute, t.Second)
}

// MarshalText returns "HH:MM:SS"; a value out of range is an error.
func (t TimeOfDay) MarshalText() ([]byte, error) {
	if t.Hour < 0 || t.Hour > 23 || t.Minute < 0 || t.Minute > 59 || t.Second < 0 || t.Second > 59 {
		return nil, errors.New("saltoks: a time of day is from 00:00:00 to 23:59:59")
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads "HH:MM:SS" or "HH:MM"; anything else is midnight.
func (t *TimeOfDay) UnmarshalText(b []byte) error {
	*t = TimeOfDay{}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.Parse(layout, string(b)); err == nil {
			*t = TimeOfDay{at.Hour(), at.Minute(), at.Second()}
			return nil
		}
	}
	return nil
}

// LocalTime is a date and time of day without a zone, such as
// "2026-01-31T18:00:00": what a clock on the wall of the site shows. Empty means
// "none".
type LocalTime string

const localLayout = "2006-01-02T15:04:05"

// LocalTimeOf returns what a clock in t's location shows at t.
func LocalTimeOf(t time.Time) LocalTime { return LocalTime(t.Format(localLayout)) }

// In returns the instant at which a clock in loc shows it; an offset in the text
// is ignored. For a time that daylight saving skips or repeats, it is what
// time.Date returns; for a text that is no time, it is zero.
func (l LocalTime) In(loc *time.Location) time.Time {
	for _, layout := range []string{localLayout, time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, string(l)); err == nil {
			return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), loc)
		}
	}
	return time.Time{}
}
