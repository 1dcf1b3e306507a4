package access

import (
	"slices"
	"time"
)

// A calendar converts instants into dates at one door. It has the offsets of the
// site's zone, and the exceptions that apply to the door.
type calendar struct {
	location   *time.Location
	exceptions []special // in the order of the facts: the last that covers a date applies
}

// special is an Exception, prepared. Dates are counted from 1970-01-01.
type special struct {
	index       int // in the facts
	first, last int64
	ranges      []daily // none if closed
}

// newCalendar returns the calendar of a door.
func newCalendar(l *time.Location, list []Exception, door string) *calendar {
	c := &calendar{location: l}
	for i, e := range list {
		if e.Doors == nil || slices.Contains(e.Doors, door) {
			c.exceptions = append(c.exceptions, special{i, e.From.dayNumber(), e.To.dayNumber(), dailyRanges(e.Hours)})
		}
	}
	return c
}

// same reports whether the same exceptions apply to the doors of both calendars.
func (c *calendar) same(o *calendar) bool {
	return slices.EqualFunc(c.exceptions, o.exceptions, func(a, b special) bool { return a.index == b.index })
}

// noException is the index if no exception applies.
const noException = -1

// exceptionOn returns the index of the exception that covers a date.
func (c *calendar) exceptionOn(date int64) int {
	for i := len(c.exceptions) - 1; i >= 0; i-- {
		if e := &c.exceptions[i]; e.first <= date && date <= e.last {
			return i
		}
	}
	return noException
}

// change returns the first later date on which an exception begins or has just
// ended, or a date beyond every horizon if there is none.
func (c *calendar) change(date int64) int64 {
	next := forever/day - 1
	for i := range c.exceptions {
		for _, edge := range [2]int64{c.exceptions[i].first, c.exceptions[i].last + 1} {
			if edge > date {
				next = min(next, edge)
			}
		}
	}
	return next
}

// offsetAt returns how far the wall clock is ahead of UTC at an instant, and
// until when at least.
func (c *calendar) offsetAt(t int64) (offset, until int64) {
	sec := floorDiv(t, second)
	at := time.Unix(sec, 0).In(c.location)
	_, seconds := at.Zone()
	until = forever
	if _, end := at.ZoneBounds(); !end.IsZero() {
		until = end.Unix() * second
	}
	if until <= t {
		// On 31 December of leap years after 2037 ZoneBounds returns the beginning
		// of the day, because Go's rules for those years assume 365 days. The offset
		// is valid until the day ends.
		until = (floorDiv(t, day) + 1) * day
	}
	return int64(seconds) * second, until
}
