package access

import (
	"fmt"
	"slices"
)

const daysInException = "the ranges of an exception have no days: they hold for every date it covers"

// hours and clocks put paths together for a fault only.
func (c *checker) hours(h Hours, path []any, key ...any) {
	fault := func(what string, more ...any) { c.fault(what, path, append(slices.Clip(key), more...)...) }
	switch {
	case h.Always && len(h.Ranges) > 0:
		fault("both always and ranges")
	case !h.Always && len(h.Ranges) == 0:
		fault("required: \"always\" or at least one range")
	}
	for i, r := range h.Ranges {
		if len(r.Days) == 0 {
			fault("at least one day is required", i, "days")
		}
		seen := [7]bool{}
		for j, d := range r.Days {
			switch {
			case d < Sun || d > Sat:
				fault(fmt.Sprintf("%d is not a day", int(d)), i, "days", j)
			case seen[d]:
				fault(fmt.Sprintf("%s stands here twice", dayNames[d]), i, "days", j)
			default:
				seen[d] = true
			}
		}
		clocks(r, func(what, key string) { fault(what, i, key) })
	}
}

func clocks(r Range, fault func(what, key string)) {
	const midnight = 24 * 60
	switch {
	case !r.From.valid():
		fault("required: a time of day, HH:MM", "from")
	case r.From == midnight:
		fault("a range cannot start at 24:00; write 00:00 and the next day", "from")
	case r.From == r.To:
		fault("the same as from: a whole day is 00:00 to 24:00", "to")
	}
	if !r.To.valid() {
		fault("required: a time of day, HH:MM", "to")
	} else if r.From == midnight && r.To == midnight {
		fault("the same as from: a whole day is 00:00 to 24:00", "to")
	}
}

func (c *checker) exceptions(list []Exception) {
	for i, e := range list {
		path := []any{"exceptions", i}
		from, to := e.From.valid(), e.To.valid()
		if !from {
			c.fault("required: a date, YYYY-MM-DD", path, "from")
		}
		if !to {
			c.fault("required: a date, YYYY-MM-DD", path, "to")
		}
		if from && to && e.To.dayNumber() < e.From.dayNumber() {
			c.fault("before from", path, "to")
		}
		switch {
		case e.Closed && len(e.Hours) > 0:
			c.fault("both closed and ranges", path, "hours")
		case !e.Closed && len(e.Hours) == 0:
			c.fault("required: \"closed\" or at least one range", path, "hours")
		}
		for j, r := range e.Hours {
			if r.Days != nil {
				c.fault(daysInException, path, "hours", j, "days")
			}
			clocks(r, func(what, key string) { c.fault(what, path, "hours", j, key) })
		}
	}
}
