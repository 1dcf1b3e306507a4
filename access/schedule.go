package access

import "slices"

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
	s := &schedule{hours: h, always: h.Always, ranges: make([]daily, 0, len(h.Ranges))}
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
	days    [8]int32 // how many toggles lie before each day, and in all
	open    bool     // the state at the very end of the week, before the first toggle
}

// newPattern makes the week in which the ranges start on their days.
func newPattern(ranges []daily) pattern {
	var room [32]int32
	edges := room[:0] // twice the second, closing ones plus 1
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
	p := pattern{toggles: make([]int32, 0, len(edges)), open: open > 0}
	for i := 0; i < len(edges); {
		at, was := edges[i]>>1, open > 0
		for ; i < len(edges) && edges[i]>>1 == at; i++ {
			open += 1 - int(edges[i]&1)*2
		}
		if was != (open > 0) {
			p.toggles = append(p.toggles, at)
		}
	}
	for w := range p.days {
		i, _ := slices.BinarySearch(p.toggles, int32(w)*daySeconds)
		p.days[w] = int32(i)
	}
	return p
}

// at returns the state at a second of the week, which lies on a weekday, and how
// long it lasts.
func (p *pattern) at(weekday, second int32) (open bool, lasts int64) {
	n := len(p.toggles)
	if n == 0 {
		return p.open, maxSecond
	}
	i := int(p.days[weekday])
	for _, t := range p.toggles[i:p.days[weekday+1]] {
		i += int(uint32(t-second-1) >> 31) // t <= second, without a branch nobody can foresee
	}
	if i < n {
		return p.open != (i&1 == 1), int64(p.toggles[i] - second)
	}
	return p.open, int64(p.toggles[0] + weekSeconds - second)
}

// at returns whether s is open at an instant (UTC, seconds) and the first instant
// after it, in microseconds, at which that changes: forever if there is none up
// to limit, in microseconds too. RULES.md, section 2.
func (s *schedule) at(z *timeline, sec, limit int64) (open bool, changes int64) {
	var room stretch
	now := z.at(sec, &room)
	open, lasts := s.on(&z.calendar, now, sec)
	for sec+lasts >= now.end {
		if sec = now.end; sec > limit/second {
			return open, forever
		}
		now = z.at(sec, &room)
		var state bool
		if state, lasts = s.on(&z.calendar, now, sec); state != open {
			return open, sec * second
		}
	}
	return open, (sec + lasts) * second
}

// on returns the state at an instant in a stretch, and how long it lasts if the
// stretch does.
func (s *schedule) on(c *calendar, now *stretch, sec int64) (open bool, lasts int64) {
	// 1970-01-01 was a Thursday: four days into the week.
	at := (sec + now.offset + 4*daySeconds) % weekSeconds
	if at < 0 {
		at += weekSeconds
	}
	weekday := int32(at) / daySeconds
	if now.before == now.on {
		p := &s.weekly
		if now.on != noException {
			p = &s.during[now.on]
		}
		return p.at(weekday, int32(at))
	}
	// One date only: the ranges that start on it, and what is left of those
	// that started the day before under other rules.
	second := int32(at) - weekday*daySeconds
	today, yesterday := s.starting(c, now.on, weekday), s.starting(c, now.before, (weekday+6)%7)
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
