package access

import (
	"math/bits"
	"slices"
	"sort"
)

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
	if len(list) == 0 {
		return c
	}
	c.exceptions = make([][]daily, 0, len(list))
	type edge struct {
		at        int64
		exception int32
		begins    bool
	}
	edges := make([]edge, 0, 2*len(list))
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
	i := sort.Search(len(c.spans), func(i int) bool { return c.spans[i].start > date })
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
	if i < len(c.spans) {
		until = c.spans[i].start
	}
	if before != on {
		until = date + 1
	}
	return before, on, until
}

// during returns, for each exception, the week of a date inside it for hours
// that start on the given weekdays.
func (c *calendar) during(days uint8) []pattern {
	all := make([]pattern, 0, len(c.exceptions))
	for _, ranges := range c.exceptions {
		own := slices.Clone(ranges)
		for i := range own {
			own[i].days = days
		}
		all = append(all, newPattern(own))
	}
	return all
}
