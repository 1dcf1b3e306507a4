package access

import "slices"

const weekSeconds = 7 * daySeconds

// eternal is later than any second a search can ask about.
const eternal = 1 << 61

// schedule is Hours made ready: seconds of the wall clock, and for each week the
// places where they open and close.
type schedule struct {
	hours  Hours // as given
	ranges []daily
	days   uint8     // the weekdays on which a range starts, by bit; 0: neither weeks nor exceptions matter
	weekly pattern   // without exceptions
	during []pattern // per exception: on dates inside it

	// Of weekly hours that never close, or never open, but for exceptions: every
	// change that the timeline has ready (UTC, in seconds), then eternal.
	changes []int64
	starts  buckets // of the changes
	start   int     // 1 if open before the first
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
	s := &schedule{hours: h, ranges: make([]daily, 0, len(h.Ranges))}
	for _, r := range h.Ranges {
		d := dailyOf(r)
		s.ranges = append(s.ranges, d)
		s.days |= d.days
	}
	if s.weekly = newPattern(s.ranges); s.days == 0 {
		s.weekly.toggles[0] = 2 * eternal
		if h.Always {
			s.weekly.start = 1
		}
	}
	return s
}

// neverOpen stands first in every policy: the hours of a door that a type does
// not list. alwaysOpen is every "always".
var (
	neverOpen  = newSchedule(Hours{})
	alwaysOpen = newSchedule(Always())
)

// prepare looks for all changes of hours that change on exceptions only.
func (s *schedule) prepare(z *timeline) {
	if !z.ready() || s.days == 0 || len(s.weekly.toggles) > 1 {
		return
	}
	var now moment
	z.at(tableStart, &now)
	open, at := s.at(z, &now, tableEnd)
	s.start = open
	var changes []int64
	for at < tableEnd {
		changes = append(changes, at)
		z.at(at, &now)
		_, at = s.at(z, &now, tableEnd)
	}
	s.starts = newBuckets(len(changes), 32*len(changes), func(i int) int64 { return changes[i] })
	s.changes = append(changes, eternal)
}

// pattern is a week that repeats, as seconds after the start of Sunday at which
// it opens or closes.
type pattern struct {
	toggles []int64 // and the first of the next week
	start   int     // 1 if open before the first

	// Per slot of the week: how many toggles lie before it. A slot is a little
	// more than an hour, so that most hold none.
	before [weekSeconds>>slotShift + 1]uint16
}

const slotShift = 12

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
	p := pattern{toggles: make([]int64, 0, len(edges)+1), start: min(open, 1)}
	for i := 0; i < len(edges); {
		at, was := edges[i]>>1, open > 0
		for ; i < len(edges) && edges[i]>>1 == at; i++ {
			open += 1 - int(edges[i]&1)*2
		}
		if was != (open > 0) {
			p.toggles = append(p.toggles, int64(at))
		}
	}
	n := 0
	for slot := range p.before {
		for n < len(p.toggles) && p.toggles[n] < int64(slot)<<slotShift {
			n++
		}
		p.before[slot] = uint16(n)
	}
	if n == 0 {
		p.toggles = append(p.toggles, maxSecond)
	} else {
		p.toggles = append(p.toggles, p.toggles[0]+weekSeconds)
	}
	return p
}

// at returns the state at a second of the week, 1 for open, and how long it lasts.
func (p *pattern) at(second int64) (open int, lasts int64) {
	i := int(p.before[second>>slotShift])
	for p.toggles[i] <= second {
		i++
	}
	return (i ^ p.start) & 1, p.toggles[i] - second
}

// at returns whether s is open at a moment, 1 or 0, and the first second after it
// at which that changes: more than limit if there is none up to that.
// RULES.md, section 2.
func (s *schedule) at(z *timeline, now *moment, limit int64) (open int, changes int64) {
	if s.changes != nil && tableStart <= now.sec && now.sec < tableEnd-horizon/second-daySeconds {
		i, hi := s.starts.around(now.sec)
		for i < hi && s.changes[i] <= now.sec {
			i++
		}
		return (i ^ s.start) & 1, s.changes[i]
	}
	if now.before&now.on == noException || s.days == 0 {
		open, changes = s.weekly.at(now.second)
	} else {
		open, changes = s.on(&z.calendar, now)
	}
	if changes += now.sec; changes >= now.end && changes < eternal {
		return open, s.walk(z, now, limit, open)
	}
	return open, changes
}

// walk follows a state from stretch to stretch.
func (s *schedule) walk(z *timeline, now *moment, limit int64, open int) (changes int64) {
	var next moment
	for end := now.end; end <= limit; {
		z.at(end, &next)
		state, lasts := s.on(&z.calendar, &next)
		if state != open {
			return end
		}
		if end+lasts < next.end {
			return end + lasts
		}
		end = next.end
	}
	return eternal
}

// on returns the state at a moment, and how long it lasts if the stretch does.
func (s *schedule) on(c *calendar, now *moment) (open int, lasts int64) {
	if now.before == now.on {
		if now.on == noException {
			return s.weekly.at(now.second)
		}
		return s.during[now.on].at(now.second)
	}
	// One date only: the ranges that start on it, and what is left of those
	// that started the day before under other rules.
	weekday := int32(now.second / daySeconds)
	second := int32(now.second % daySeconds)
	today, yesterday := s.starting(c, now.on, weekday), s.starting(c, now.before, (weekday+6)%7)
	isOpen := today.contains(second) || yesterday.contains(second+daySeconds)
	if isOpen {
		open = 1
	}
	for at := second; ; {
		at = min(today.edge(at), yesterday.edge(at+daySeconds)-daySeconds, daySeconds)
		if at == daySeconds || isOpen != (today.contains(at) || yesterday.contains(at+daySeconds)) {
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
