package access

import (
	"sort"
	"time"
)

// zone answers which offset holds when. An offset holds over a segment of time;
// inside one, wall clock = UTC + offset, and nothing is ever built from a civil
// time.
type zone struct {
	location *time.Location
	segments []segment // the years 1970 to 2100, ready; other times are asked from location
	first    []int32   // per bucket of 2^bucketBits seconds: the segment at its start
}

// segment is a span of time with one offset, in seconds.
type segment struct {
	start, end int64 // UTC; the end is not in it
	offset     int64
}

const (
	tableStart = -2 * daySeconds  // 1969-12-30
	tableEnd   = 4_133_980_800    // 2101-01-01
	bucketBits = 22               // 48 days
	maxSecond  = forever / second // far enough, and safe to turn into microseconds
	yearEnd    = 365 * daySeconds // never longer than this from one look to the next
)

// newZone prepares a zone. Without a table every question goes to location:
// right for one decision, slow for many.
func newZone(l *time.Location, table bool) *zone {
	z := &zone{location: l}
	if !table {
		return z
	}
	for at := int64(tableStart); at < tableEnd; {
		s := z.ask(at)
		if n := len(z.segments); n > 0 && z.segments[n-1].offset == s.offset {
			z.segments[n-1].end = s.end
		} else {
			z.segments = append(z.segments, s)
		}
		at = s.end
	}
	for at := int64(tableStart); at < tableEnd; at += 1 << bucketBits {
		i := sort.Search(len(z.segments), func(i int) bool { return z.segments[i].end > at })
		z.first = append(z.first, int32(i))
	}
	return z
}

// at returns the segment that holds at an instant. It may be a part of a longer
// one.
func (z *zone) at(sec int64) segment {
	if i := (sec - tableStart) >> bucketBits; i >= 0 && i < int64(len(z.first)) {
		j := z.first[i]
		for z.segments[j].end <= sec {
			if j++; int(j) == len(z.segments) {
				return z.ask(sec)
			}
		}
		return z.segments[j]
	}
	return z.ask(sec)
}

func (z *zone) ask(sec int64) segment {
	t := time.Unix(sec, 0).In(z.location)
	_, offset := t.Zone()
	s := segment{start: sec, end: maxSecond, offset: int64(offset)}
	if _, end := t.ZoneBounds(); !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= sec {
		// On the last day of a leap year ZoneBounds names its beginning: the
		// rules of zones without a fixed end are worked out year by year, and
		// a year has 365 days there. The offset holds until the year ends.
		s.end = (floorDiv(sec, daySeconds) + 1) * daySeconds
	}
	return s
}
