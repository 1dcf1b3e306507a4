package access

import (
	"slices"
	"sort"
	"time"
)

// schedule is the hours of a door, prepared: RULES.md, section 2.
//
// No instant is ever built from a civil time. The time from span.from to
// span.until is divided into eras in which the offset of the zone is constant and
// the hours repeat weekly; inside an era the wall clock is UTC plus the offset.
type schedule struct {
	always   bool // every instant, exceptions included
	hours    []daily
	calendar *calendar
	span     span
	eras     []era
}

// era is a time in which one week repeats. It ends where the next one starts.
type era struct {
	start  int64
	offset int64 // how far the wall clock is ahead of UTC
	week   *week
}

// daily is a Range with its times in microseconds after midnight. An end beyond
// the day lies in the next one.
type daily struct {
	days       uint8 // bits of time.Weekday
	start, end int64
}

func dailyRanges(list []Range) []daily {
	all := make([]daily, 0, len(list))
	for _, r := range list {
		d := daily{start: int64(r.From) * 60 * second, end: int64(r.To) * 60 * second}
		if d.end < d.start {
			d.end += day
		}
		for _, w := range r.Days {
			d.days |= 1 << w
		}
		all = append(all, d)
	}
	return all
}

var alwaysOpen = &schedule{always: true}

// newSchedule divides a span, which holds a horizon at least, into eras.
func newSchedule(hours []daily, c *calendar, within span) *schedule {
	s := &schedule{hours: hours, calendar: c, span: within, eras: make([]era, 0, 4)}
	plain := newWeek(s.startsIn(noException))
	for at := within.from; at < within.until; {
		offset, end := s.calendar.offsetAt(at)
		date := floorDiv(at+offset, day)
		w, next := plain, s.calendar.change(date)
		if before, on := s.calendar.exceptionOn(date-1), s.calendar.exceptionOn(date); before != on {
			w, next = newWeek(s.startsAround(date, before, on)), date+1
		} else if on != noException {
			w = newWeek(s.startsIn(on))
		}
		s.add(era{at, offset, w})
		at = min(end, next*day-offset)
	}
	return s
}

// add appends an era, unless it changes nothing.
func (s *schedule) add(e era) {
	if n := len(s.eras); n > 0 {
		last := s.eras[n-1]
		if slices.Equal(last.week.open, e.week.open) && (last.offset == e.offset || len(e.week.open) == 0 || e.week.open[0].until == forever) {
			return
		}
	}
	s.eras = append(s.eras, e)
}

// startsIn returns what starts in a week of dates that one exception covers, or
// none, in microseconds after the week's beginning.
func (s *schedule) startsIn(exception int) []span {
	all := make([]span, 0, 16)
	for w := range int64(7) {
		all = s.startsOn(all, w, exception)
	}
	return all
}

// startsAround returns what starts on a date and on the date before it, which are
// covered by different exceptions.
func (s *schedule) startsAround(date int64, before, on int) []span {
	weekday := (date + int64(time.Thursday)) % 7 // 1970-01-01 was a Thursday
	return s.startsOn(s.startsOn(nil, (weekday+6)%7, before), weekday, on)
}

// startsOn appends what starts on one weekday: the exception's ranges if the hours
// have a range on that weekday, else nothing; without an exception their own.
func (s *schedule) startsOn(all []span, weekday int64, exception int) []span {
	own := false
	for _, r := range s.hours {
		if r.days>>weekday&1 == 1 {
			own = true
			if exception == noException {
				all = append(all, span{weekday*day + r.start, weekday*day + r.end})
			}
		}
	}
	if own && exception != noException {
		for _, r := range s.calendar.exceptions[exception].ranges {
			all = append(all, span{weekday*day + r.start, weekday*day + r.end})
		}
	}
	return all
}

// at returns the state of the hours at an instant t <= limit. An open state may
// end later than the limit.
func (s *schedule) at(t, limit int64) state {
	if s.always {
		return state{true, forever}
	}
	if t < s.span.from || limit >= s.span.until {
		// Beyond the years that are ready, the eras are made when they are needed.
		s = newSchedule(s.hours, s.calendar, span{t, limit + 1})
	}
	i := sort.Search(len(s.eras), func(i int) bool { return s.eras[i].start > t }) - 1
	now := s.eras[i].at(t)
	for i++; i < len(s.eras) && now.until >= s.eras[i].start; i++ {
		next := s.eras[i].at(s.eras[i].start)
		if next.open != now.open {
			now.until = s.eras[i].start
			break
		}
		now.until = next.until
	}
	return now
}

// at returns the state at an instant as if the era did not end.
func (e *era) at(t int64) state {
	clock := (t + e.offset + int64(time.Thursday)*day) % weekLength // since Sunday 00:00
	if clock < 0 {
		clock += weekLength
	}
	now := state{false, forever}
	for _, s := range e.week.open[e.week.first[clock/day]:] {
		if clock < s.until {
			now = s.at(clock)
			break
		}
	}
	if now.until < forever {
		now.until += t - clock
	}
	return now
}

const weekLength = 7 * day

// week is when hours are open in a week that repeats, in microseconds after Sunday
// 00:00 on the wall clock, and in the weeks before and after it: then each instant of
// the week sees its next change. Hours that never close are open forever.
type week struct {
	open  spans
	first [7]int32 // by weekday, the first of open that ends after the day begins
}

func newWeek(starts []span) *week {
	all := make([]span, 0, 3*len(starts))
	for _, shift := range [3]int64{-weekLength, 0, weekLength} {
		for _, s := range starts {
			all = append(all, span{s.from + shift, s.until + shift})
		}
	}
	w := &week{open: union(all)}
	if s := w.open.at(0); s.open && s.until >= weekLength {
		w.open = spans{{0, forever}}
	}
	for d := range w.first {
		w.first[d] = int32(w.open.after(int64(d) * day))
	}
	return w
}
