package access

import "time"

// timeline says, for an instant, how far the wall clock of the site is from UTC
// and which exceptions hold. Both stay the same over a stretch; inside one, wall
// clock = UTC + offset, and nothing is ever built from a civil time.
type timeline struct {
	location *time.Location
	calendar calendar

	stretches []stretch // the years 1970 to 2100, ready; other times are worked out
	first     []int32   // the place of the one at the start of each slot of time
}

// stretch is a span of time in which the offset and the exceptions of the date
// and of the date before are the same.
type stretch struct {
	start, end int64 // UTC, in seconds; the end is not in it
	offset     int64 // in seconds
	before, on int32 // exceptions, see calendar
}

const (
	tableStart = -2 * daySeconds  // 1969-12-30
	tableEnd   = 4_133_980_800    // 2101-01-01
	maxSecond  = forever / second // far enough, and safe to turn into microseconds
)

// stretchShift makes a slot of time a day and a half: few hold an end of a stretch.
const stretchShift = 17

// newTimeline prepares a timeline with a table. Without one each stretch is
// worked out when it is asked for: right for one decision, slow for many.
func newTimeline(l *time.Location, c calendar) *timeline {
	z := &timeline{location: l, calendar: c}
	for at := int64(tableStart); at < tableEnd; {
		s := z.workOut(at)
		z.stretches = append(z.stretches, s)
		at = s.end
	}
	i := int32(0)
	for at := int64(tableStart); at <= tableEnd-1<<stretchShift; at += 1 << stretchShift {
		for z.stretches[i].end <= at {
			i++
		}
		z.first = append(z.first, i)
	}
	return z
}

// moment is an instant (UTC, in seconds) and what holds then.
type moment struct {
	sec        int64
	second     int64 // of the week on the wall clock, which begins on Sunday
	end        int64 // of the stretch around it, or of a part of that
	before, on int32 // exceptions, see calendar
}

// at fills in the moment of an instant, field by field: a struct that is copied
// right after its fields were set makes the processor wait.
func (z *timeline) at(sec int64, m *moment) {
	if !z.knows(sec) {
		s := z.workOut(sec)
		m.set(sec, &s)
		return
	}
	m.set(sec, z.stretchAt(sec))
}

// knows reports whether the table holds a second, stretchAt where.
func (z *timeline) knows(sec int64) bool {
	return uint64(sec-tableStart)>>stretchShift < uint64(len(z.first))
}

func (z *timeline) stretchAt(sec int64) *stretch {
	i := z.first[uint64(sec-tableStart)>>stretchShift]
	for z.stretches[i].end <= sec {
		i++
	}
	return &z.stretches[i]
}

// ready reports whether there is a table.
func (z *timeline) ready() bool { return len(z.first) > 0 }

func (m *moment) set(sec int64, s *stretch) {
	m.sec, m.second, m.end, m.before, m.on = sec, s.secondOfWeek(sec), s.end, s.before, s.on
}

// secondOfWeek returns the second of the week on the wall clock.
func (s *stretch) secondOfWeek(sec int64) int64 {
	// 1970-01-01 was a Thursday: four days into the week.
	second := (sec + s.offset + 4*daySeconds) % weekSeconds
	if second < 0 {
		second += weekSeconds
	}
	return second
}

func (z *timeline) workOut(sec int64) stretch {
	t := time.Unix(sec, 0).In(z.location)
	_, offset := t.Zone()
	s := stretch{start: sec, end: maxSecond, offset: int64(offset)}
	if _, end := t.ZoneBounds(); !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= sec {
		// On the last day of a leap year ZoneBounds names its beginning: the
		// rules of zones without a fixed end are worked out year by year, and
		// a year has 365 days there. The offset holds until the year ends.
		s.end = (floorDiv(sec, daySeconds) + 1) * daySeconds
	}
	var until int64
	s.before, s.on, until = z.calendar.at(floorDiv(sec+s.offset, daySeconds))
	s.end = min(s.end, until*daySeconds-s.offset)
	return s
}
