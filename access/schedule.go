package access

import (
	"math/bits"
	"slices"
	"sort"
)

const weekSeconds = 7 * daySeconds

// schedule is Hours made ready: seconds of the wall clock, and for each week the
// places where they open and close.
type schedule struct {
	hours  Hours // as given
	always bool
	ranges []daily
	days   uint8     // the weekdays on which a range starts, by bit
	weekly pattern   // without exceptions
	during []pattern // per exception: on dates inside it
}

// daily is a range in seconds of the day. An end beyond the day lies in the next.
type daily struct {
	days       uint8 // bits of time.Weekday
	start, end int32
}

func dailyOf(r Range) daily {
	d := daily{start: int32(r.From) * 60, end: int32(r.To) * 60}
	if d.end < d.start {
		d.end += daySeconds
	}
	for _, w := range r.Days {
		d.days |= 1 << w
	}
	return d
}

func newSchedule(h Hours) *schedule {
	s := &schedule{hours: h, always: h.Always}
	for _, r := range h.Ranges {
		d := dailyOf(r)
		s.ranges = append(s.ranges, d)
		s.days |= d.days
	}
	s.weekly = newPattern(s.ranges)
	return s
}

// pattern is a week that repeats, as seconds after the start of Sunday at which
// it opens or closes.
type pattern struct {
	toggles []int32
	open    bool // the state at the very end of the week, before the first toggle
}

// newPattern makes the week in which the ranges start on their days.
func newPattern(ranges []daily) pattern {
	var edges []int32 // twice the second, closing ones plus 1
	open := 0         // how many ranges run over the end of the week
	for _, r := range ranges {
		for w := range int32(7) {
			if r.days>>w&1 == 0 {
				continue
			}
			start, end := w*daySeconds+r.start, w*daySeconds+r.end
			if end >= weekSeconds {
				open++
			}
			edges = append(edges, start<<1, end%weekSeconds<<1|1)
		}
	}
	slices.Sort(edges) // where one range ends and another starts, opening comes first: they are one
	p := pattern{open: open > 0}
	for i := 0; i < len(edges); {
		at, was := edges[i]>>1, open > 0
		for ; i < len(edges) && edges[i]>>1 == at; i++ {
			open += 1 - int(edges[i]&1)*2
		}
		if was != (open > 0) {
			p.toggles = append(p.toggles, at)
		}
	}
	return p
}

// at returns the state at a second of the week and how long it lasts.
func (p *pattern) at(second int32) (open bool, lasts int64) {
	n := len(p.toggles)
	if n == 0 {
		return p.open, maxSecond
	}
	i := 0
	if n > 16 {
		i = sort.Search(n, func(i int) bool { return p.toggles[i] > second })
	} else {
		for i < n && p.toggles[i] <= second {
			i++
		}
	}
	if i < n {
		return p.open != (i&1 == 1), int64(p.toggles[i] - second)
	}
	return p.open, int64(p.toggles[0] + weekSeconds - second)
}

// calendar says which exception covers a date. A date is counted in days from
// 1970-01-01; exceptions are counted from 0, none is -1.
type calendar struct {
	spans      []dateSpan // by start; before the first there is no exception
	exceptions [][]daily  // the ranges of each, none if closed
}

type dateSpan struct {
	start     int64
	exception int32
}

const noException = -1

// newCalendar lays the exceptions over each other, the last on top.
func newCalendar(list []Exception) calendar {
	c := calendar{}
	type edge struct {
		at        int64
		exception int32
		begins    bool
	}
	var edges []edge
	for i, e := range list {
		ranges := make([]daily, 0, len(e.Hours))
		for _, r := range e.Hours {
			ranges = append(ranges, dailyOf(r))
		}
		c.exceptions = append(c.exceptions, ranges)
		edges = append(edges, edge{e.From.dayNumber(), int32(i), true}, edge{e.To.dayNumber() + 1, int32(i), false})
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(a.at - b.at) })
	covering := make([]uint64, len(list)/64+1) // a bit per exception
	for i := 0; i < len(edges); {
		at := edges[i].at
		for ; i < len(edges) && edges[i].at == at; i++ {
			covering[edges[i].exception/64] ^= 1 << (edges[i].exception % 64)
		}
		top := int32(noException)
		for w := len(covering) - 1; w >= 0; w-- {
			if covering[w] != 0 {
				top = int32(w*64 + bits.Len64(covering[w]) - 1)
				break
			}
		}
		if n := len(c.spans); n == 0 && top != noException || n > 0 && c.spans[n-1].exception != top {
			c.spans = append(c.spans, dateSpan{at, top})
		}
	}
	return c
}

// at returns the exceptions of the date before and of the date itself, and the
// first date with another pair.
func (c *calendar) at(date int64) (before, on int32, until int64) {
	n := len(c.spans)
	i := sort.Search(n, func(i int) bool { return c.spans[i].start > date })
	before, on, until = noException, noException, maxSecond/daySeconds
	if i > 0 {
		on = c.spans[i-1].exception
		before = on
		if c.spans[i-1].start == date {
			if before = noException; i > 1 {
				before = c.spans[i-2].exception
			}
		}
	}
	if i < n {
		until = c.spans[i].start
	}
	if before != on {
		until = date + 1
	}
	return before, on, until
}

// weekday of a date; 1970-01-01 was a Thursday.
func weekday(date int64) int32 {
	w := (date + 4) % 7
	if w < 0 {
		w += 7
	}
	return int32(w)
}

// at returns whether s is open at an instant (UTC, seconds) and the first instant
// after it at which that changes: forever in microseconds if there is none up to
// limit. RULES.md, section 2.
func (s *schedule) at(z *zone, c *calendar, sec, limit int64) (open bool, changes int64) {
	if s.always {
		return true, forever
	}
	first := true
	for {
		seg := z.at(sec)
		local, end := sec+seg.offset, seg.end+seg.offset
		for local < end {
			date := floorDiv(local, daySeconds)
			before, on, until := c.at(date)
			stop := min(until*daySeconds, end)
			state, lasts := s.on(c, before, on, date, int32(local-date*daySeconds))
			if first {
				open, first = state, false
			} else if state != open {
				return open, (local - seg.offset) * second
			}
			if local+lasts < stop {
				return open, (local + lasts - seg.offset) * second
			}
			if local = stop; local-seg.offset > limit {
				return open, forever
			}
		}
		sec = seg.end
	}
}

// on returns the state at a second of a date and how long it lasts as long as
// the pair of exceptions stays the same.
func (s *schedule) on(c *calendar, before, on int32, date int64, second int32) (open bool, lasts int64) {
	if before == on {
		p := &s.weekly
		if on != noException {
			p = &s.during[on]
		}
		return p.at(weekday(date)*daySeconds + second)
	}
	// One date only: the ranges that start on it, and what is left of those
	// that started the day before under other rules.
	today, yesterday := s.starting(c, on, weekday(date)), s.starting(c, before, weekday(date-1))
	open = today.contains(second) || yesterday.contains(second+daySeconds)
	for at := second; ; {
		at = min(today.edge(at), yesterday.edge(at+daySeconds)-daySeconds, daySeconds)
		if at == daySeconds || open != (today.contains(at) || yesterday.contains(at+daySeconds)) {
			return open, int64(at - second)
		}
	}
}

// startingOn is the ranges that start on one date.
type startingOn struct {
	ranges []daily
	day    uint8 // the bit of its weekday; 0 takes every range
}

// starting returns what starts on a date under an exception: its ranges if s has
// one on that weekday, for an exception gives nobody a day he does not have.
func (s *schedule) starting(c *calendar, exception, weekday int32) startingOn {
	day := uint8(1) << weekday
	switch {
	case exception == noException:
		return startingOn{s.ranges, day}
	case s.days&day == 0:
		return startingOn{}
	}
	return startingOn{c.exceptions[exception], 0}
}

// contains reports whether a second, counted from the start of the date, is open.
func (s startingOn) contains(second int32) bool {
	for _, r := range s.ranges {
		if r.days&s.day == s.day && r.start <= second && second < r.end {
			return true
		}
	}
	return false
}

// edge returns the first second after another at which a range starts or ends.
func (s startingOn) edge(after int32) int32 {
	next := int32(weekSeconds)
	for _, r := range s.ranges {
		if r.days&s.day != s.day {
			continue
		}
		if r.start > after {
			next = min(next, r.start)
		} else if r.end > after {
			next = min(next, r.end)
		}
	}
	return next
}
