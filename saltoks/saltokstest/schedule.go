package saltokstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// settle applies the effects of the time since the last call: openings and
// schedules end. The end of a schedule locks the door and ends office mode;
// only eom_auto_start unlocks one. When the clock was set back, the same period
// is applied again.
func (l *lock) settle(cl *cloud, now time.Time) {
	if !now.Before(l.openUntil) {
		l.openUntil = time.Time{} // stays ended when the clock is set back
	}
	from := l.settledAt
	l.settledAt = now
	if !now.After(from) || l.Schedule == nil || l.iq == nil {
		return
	}
	for _, ev := range l.Schedule.events(from, now, l.iq.loc) {
		switch {
		case ev.start && l.Schedule.AutoStart && !l.office && !l.Offline:
			l.office = true
			cl.log(l, entry{category: "easy_office_mode", detail: "start", at: ev.at})
		case !ev.start:
			if l.office {
				cl.log(l, entry{category: "easy_office_mode", detail: "end", at: ev.at})
			}
			l.office = false
			if l.openUntil.Before(ev.at) {
				l.openUntil = time.Time{}
			}
		}
	}
}

type scheduleEvent struct {
	at    time.Time
	start bool
}

// events returns the starts and ends in (from, to] in order. It looks at most 400
// days back, because earlier events have no effect.
func (s *Schedule) events(from, to time.Time, loc *time.Location) []scheduleEvent {
	if limit := to.AddDate(0, 0, -400); from.Before(limit) {
		from = limit
	}
	var out []scheduleEvent
	day := from.In(loc)
	for d := time.Date(day.Year(), day.Month(), day.Day()-1, 12, 0, 0, 0, loc); d.Before(to.AddDate(0, 0, 2)); d = d.AddDate(0, 0, 1) {
		start, end, ok := s.on(d, loc)
		if !ok {
			continue
		}
		for _, ev := range []scheduleEvent{{start, true}, {end, false}} {
			if ev.at.After(from) && !ev.at.After(to) {
				out = append(out, ev)
			}
		}
	}
	return out
}

// on returns the schedule's window on the day of d, if it has one. A window whose end
// is not after its start ends on the next day.
func (s *Schedule) on(d time.Time, loc *time.Location) (start, end time.Time, ok bool) {
	date := d.Format("2006-01-02")
	if !s.days()[d.Weekday()] || s.StartDate != nil && date < day(*s.StartDate) || s.EndDate != nil && date > day(*s.EndDate) {
		return start, end, false
	}
	at := func(clock string) time.Time {
		t, _ := time.Parse(time.TimeOnly, clock)
		return time.Date(d.Year(), d.Month(), d.Day(), t.Hour(), t.Minute(), t.Second(), 0, loc)
	}
	start, end = at(s.StartTime), at(s.EndTime)
	if !end.After(start) {
		end = end.AddDate(0, 0, 1)
	}
	return start, end, true
}

// running reports whether at is in a window. The window includes its last
// second, so that 23:59:59 leaves no gap before midnight.
func (s *Schedule) running(at time.Time, loc *time.Location) bool {
	local := at.In(loc)
	for back := range 2 {
		d := time.Date(local.Year(), local.Month(), local.Day()-back, 12, 0, 0, 0, loc)
		if start, end, ok := s.on(d, loc); ok && !at.Before(start) && at.Before(end.Add(time.Second)) {
			return true
		}
	}
	return false
}

func day(date string) string {
	if len(date) > len(time.DateOnly) {
		return date[:len(time.DateOnly)]
	}
	return date
}

func (s *Schedule) days() [7]bool {
	return [7]bool{s.Sunday, s.Monday, s.Tuesday, s.Wednesday, s.Thursday, s.Friday, s.Saturday}
}

// check validates a schedule as SALTO does: it has at least one day. Times given to the
// minute get :00 seconds, and :59 at the end.
func (s *Schedule) check() error {
	if s.days() == [7]bool{} {
		return errors.New("At least one day should be selected") //nolint:staticcheck // the text of the API
	}
	for _, p := range []struct {
		t       *string
		seconds string
	}{{&s.StartTime, ":00"}, {&s.EndTime, ":59"}} {
		if len(*p.t) == len("15:04") {
			*p.t += p.seconds
		}
		if _, err := time.Parse(time.TimeOnly, *p.t); err != nil {
			return fmt.Errorf("%q is not a time of day", *p.t)
		}
	}
	for _, d := range []*string{s.StartDate, s.EndDate} {
		if d == nil {
			continue
		}
		if _, err := parseTime(*d, time.UTC); err != nil {
			return fmt.Errorf("%q is not a date", *d)
		}
	}
	return nil
}

// decodeSchedule reads a schedule from the body. When it returns nil, the error has
// been written.
func (c *call) decodeSchedule() *Schedule {
	var s Schedule
	if err := json.Unmarshal(c.body, &s); err != nil {
		c.fail(400, "1100", "The request is not valid.")
		return nil
	}
	if err := s.check(); err != nil {
		c.fail(400, "1101", err.Error())
		return nil
	}
	return &s
}

func (c *call) removeSchedule(l *lock) {
	l.settle(c.sim.cloud, c.now)
	l.Schedule = nil
	c.noContent()
}

func (c *call) setSchedule(l *lock) {
	s := c.decodeSchedule()
	if s == nil {
		return
	}
	l.settle(c.sim.cloud, c.now)
	l.Schedule = s
	c.json(http.StatusOK, *s)
}
