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

func rangeRow(i int, r access.Range) rangeForm {
	row := rangeForm{Index: i, From: r.From.String(), To: strings.Replace(r.To.String(), "24:00", "00:00", 1)}
	if len(r.Days) == 0 {
		row.From, row.To = "", ""
	}
	for _, d := range week {
		on := false
		for _, have := range r.Days {
			on = on || have == d
		}
		row.Days = append(row.Days, dayForm{d.String()[:3], fmt.Sprint(int(d)), on})
	}
	return row
}

// newHoursForm returns the form for hours, with one more empty row.
func newHoursForm(key, name string, h access.Hours, given bool) hoursForm {
	f := hoursForm{Key: key, Name: name, Kind: "none"}
	switch {
	case given && h.Always:
		f.Kind = "always"
	case given:
		f.Kind = "weekly"
	}
	for i, r := range h.Ranges {
		f.Rows = append(f.Rows, rangeRow(i, r))
	}
	f.Rows = append(f.Rows, rangeRow(len(f.Rows), access.Range{}))
	return f
}

// submittedHours returns the form as it was submitted, valid or not.
func submittedHours(form url.Values, key, name string) hoursForm {
	f := hoursForm{Key: key, Name: name, Kind: form.Get("hours." + key)}
	for i := range maxRanges {
		suffix := fmt.Sprintf(".%s.%d", key, i)
		from, to, days := form.Get("from"+suffix), form.Get("to"+suffix), form["day"+suffix]
		if from == "" && to == "" && len(days) == 0 {
			continue
		}
		row := rangeRow(len(f.Rows), access.Range{})
		row.From, row.To = from, to
		for j := range row.Days {
			row.Days[j].On = slices.Contains(days, row.Days[j].Value)
		}
		f.Rows = append(f.Rows, row)
	}
	f.Rows = append(f.Rows, rangeRow(len(f.Rows), access.Range{}))
	return f
}

// maxRanges is how many rows of hours a form may have.
const maxRanges = 20

// parseHours parses the fields of a form. given is false for "none".
func parseHours(form url.Values, key, name string) (h access.Hours, given bool, err error) {
	switch form.Get("hours." + key) {
	case "always":
		return access.Always(), true, nil
	case "weekly":
	case "none", "":
		return h, false, nil
	default:
		return h, false, invalid("%s: choose no access, 24/7 or weekly hours.", name)
	}
	for i := range maxRanges {
		suffix := fmt.Sprintf(".%s.%d", key, i)
		from, to, days := form.Get("from"+suffix), form.Get("to"+suffix), form["day"+suffix]
		if from == "" && to == "" && len(days) == 0 {
			continue
		}
		var r access.Range
		for _, d := range days {
			if len(d) == 1 && d >= "0" && d <= "6" {
				r.Days = append(r.Days, access.Day(d[0]-'0'))
			}
		}
		if len(r.Days) == 0 {
			return h, true, invalid("%s: check the days for %s to %s.", name, from, to)
		}
		if r.From, err = access.ParseClock(from); err == nil {
			r.To, err = access.ParseClock(to)
		}
		if err != nil {
			return h, true, invalid("%s: enter both times.", name)
		}
		if midnight := access.At(0, 0); r.From == midnight && r.To == midnight {
			r.To = access.At(24, 0) // the whole day
		}
		h.Ranges = append(h.Ranges, r)
	}
	if len(h.Ranges) == 0 {
		return h, true, invalid("%s: weekly hours require at least one day with its times.", name)
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
	on := map[access.Day]bool{}
	for _, d := range days {
		on[d] = true
	}
	var parts []string
	for i := 0; i < len(week); {
		if !on[week[i]] {
			i++
			continue
		}
		j := i
		for j+1 < len(week) && on[week[j+1]] {
			j++
		}
		first, last := week[i].String()[:3], week[j].String()[:3]
		switch {
		case j == i:
			parts = append(parts, first)
		case j == i+1:
			parts = append(parts, first, last)
		default:
			parts = append(parts, first+"–"+last)
		}
		i = j + 1
	}
	if len(parts) == 1 && parts[0] == "Mon–Sun" {
		return "every day"
	}
	return strings.Join(parts, ", ")
}
