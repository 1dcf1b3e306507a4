package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// week is the order of the days on the pages.
var week = access.Days(access.Mon, access.Sun)

// hoursForm is the form for the hours of a door or a grant.
type hoursForm struct {
	Key  string // part of the field names
	Name string // the name of the door or grant
	Kind string // "none", "always", "weekly"
	Rows []rangeForm
}

type rangeForm struct {
	Index    int
	From, To string
	Days     []dayForm
}

type dayForm struct {
	Name, Value string
	On          bool
}

// newRow returns the next row of a form.
func (f *hoursForm) newRow(from, to string, on func(access.Day) bool) {
	row := rangeForm{Index: len(f.Rows), From: from, To: to}
	for _, d := range week {
		row.Days = append(row.Days, dayForm{d.String()[:3], fmt.Sprint(int(d)), on(d)})
	}
	f.Rows = append(f.Rows, row)
}

func noDay(access.Day) bool { return false }

// newHoursForm returns the form for hours, or for no access, with one more empty row.
func newHoursForm(key, name string, h *access.Hours) hoursForm {
	f := hoursForm{Key: key, Name: name, Kind: "none"}
	if h != nil {
		f.Kind = "weekly"
		if h.Always {
			f.Kind = "always"
		}
		for _, r := range h.Ranges {
			to := strings.Replace(r.To.String(), "24:00", "00:00", 1)
			f.newRow(r.From.String(), to, func(d access.Day) bool { return slices.Contains(r.Days, d) })
		}
	}
	f.newRow("", "", noDay)
	return f
}

// maxRanges is how many rows of hours a form may have.
const maxRanges = 20

// parseHoursForm returns the form as it was submitted, valid or not.
func parseHoursForm(form url.Values, key, name string) hoursForm {
	f := hoursForm{Key: key, Name: name, Kind: form.Get("hours." + key)}
	for i := range maxRanges {
		suffix := fmt.Sprintf(".%s.%d", key, i)
		from, to, days := form.Get("from"+suffix), form.Get("to"+suffix), form["day"+suffix]
		if from != "" || to != "" || len(days) > 0 {
			f.newRow(from, to, func(d access.Day) bool { return slices.Contains(days, fmt.Sprint(int(d))) })
		}
	}
	f.newRow("", "", noDay)
	return f
}

// hours returns the hours of a form. given is false for no access.
func (f hoursForm) hours() (h access.Hours, given bool, err error) {
	switch f.Kind {
	case "always":
		return access.Always(), true, nil
	case "weekly":
	case "none", "":
		return h, false, nil
	default:
		return h, false, invalid("%s: choose no access, 24/7 or weekly hours.", f.Name)
	}
	for _, row := range f.Rows[:len(f.Rows)-1] {
		var r access.Range
		for i, d := range row.Days {
			if d.On {
				r.Days = append(r.Days, week[i])
			}
		}
		if len(r.Days) == 0 {
			return h, true, invalid("%s: check the days for %s to %s.", f.Name, row.From, row.To)
		}
		if r.From, err = access.ParseClock(row.From); err == nil {
			r.To, err = access.ParseClock(row.To)
		}
		if err != nil {
			return h, true, invalid("%s: enter both times.", f.Name)
		}
		if midnight := access.At(0, 0); r.From == midnight && r.To == midnight {
			r.To = access.At(24, 0) // the whole day
		}
		h.Ranges = append(h.Ranges, r)
	}
	if len(h.Ranges) == 0 {
		return h, true, invalid("%s: weekly hours require at least one day with its times.", f.Name)
	}
	return h, true, nil
}

// hoursText returns hours as text.
func hoursText(h access.Hours) string {
	if h.Always {
		return "24/7"
	}
	var parts []string
	for _, r := range h.Ranges {
		parts = append(parts, daysText(r.Days)+" "+r.From.String()+"–"+r.To.String())
	}
	return strings.Join(parts, ", ")
}

// scheduleText returns the schedule of a lock as text. Schedules are changed in SALTO KS.
func scheduleText(s *gate.LockSchedule) string {
	if s == nil {
		return "none"
	}
	return "locks at " + s.End.String() + ", " + daysText(s.Days)
}

// daysText returns days as text: "Mon–Fri", "Sat, Sun".
func daysText(days []access.Day) string {
	var parts []string
	for i := 0; i < len(week); i++ {
		first := i
		for i < len(week) && slices.Contains(days, week[i]) {
			i++
		}
		name := func(i int) string { return week[i].String()[:3] }
		switch i - first {
		case 0:
		case 1:
			parts = append(parts, name(first))
		case 2:
			parts = append(parts, name(first), name(first+1))
		case len(week):
			return "every day"
		default:
			parts = append(parts, name(first)+"–"+name(i-1))
		}
	}
	return strings.Join(parts, ", ")
}
