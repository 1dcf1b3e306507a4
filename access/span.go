package access

import (
	"cmp"
	"slices"
	"sort"
)

// state is whether something is open at an instant t, and until when that holds:
// an open state ends at until, a closed one does not open before it.
type state struct {
	open  bool
	until int64
}

// and returns the state of what is open while a, which is open, and b both are.
func (a state) and(b state) state {
	if b.open {
		b.until = min(a.until, b.until)
	}
	return b
}

// firstOpen returns the first instant in [t, limit] at which something is open,
// forever if there is none.
func firstOpen(t, limit int64, at func(t int64) state) int64 {
	for t <= limit {
		s := at(t)
		if s.open {
			return t
		}
		t = s.until
	}
	return forever
}

// span is a half-open span of time: from is in it, until is not.
type span struct{ from, until int64 }

// at returns the state of being within the span.
func (s span) at(t int64) state {
	switch {
	case t < s.from:
		return state{false, s.from}
	case t < s.until:
		return state{true, s.until}
	}
	return state{false, forever}
}

// spans are in order, neither overlap nor touch, and none is empty: see union.
type spans []span

// after returns the index of the first span that ends after an instant.
func (list spans) after(t int64) int {
	return sort.Search(len(list), func(i int) bool { return list[i].until > t })
}

// at returns the state of being within one of the spans.
func (list spans) at(t int64) state {
	if i := list.after(t); i < len(list) {
		return list[i].at(t)
	}
	return state{false, forever}
}

// union sorts spans and joins those that overlap or touch. It reuses the memory
// of the list.
func union(list []span) spans {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := list[:0]
	for _, s := range list {
		if n := len(joined); n > 0 && s.from <= joined[n-1].until {
			joined[n-1].until = max(joined[n-1].until, s.until)
		} else if s.from < s.until {
			joined = append(joined, s)
		}
	}
	return spans(joined)
}
