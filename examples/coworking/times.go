package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// inputTime is the form of the value of <input type=datetime-local>.
const inputTime = "2006-01-02T15:04"

// instants returns the instants at which the clocks in a zone show a local time, which is
// given in UTC: one; two if the clocks are set back over it; none if they are set forward
// over it. near are the same, or, if there are none, the two that the offsets before and
// after the change give.
func instants(local time.Time, zone *time.Location) (exact, near []time.Time) {
	for _, side := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := local.Add(side).In(zone).Zone()
		at := local.Add(-time.Duration(offset) * time.Second).In(zone)
		if slices.ContainsFunc(near, at.Equal) {
			continue
		}
		near = append(near, at)
		if at.Format(time.DateTime) == local.Format(time.DateTime) {
			exact = append(exact, at)
		}
	}
	slices.SortFunc(near, time.Time.Compare)
	slices.SortFunc(exact, time.Time.Compare)
	if len(exact) > 0 {
		near = exact
	}
	return exact, near
}

// startOfDay returns the first instant of a date. If the clocks are set forward over
// midnight, that is later than 00:00.
func startOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	exact, near := instants(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), zone)
	if len(exact) > 0 {
		return exact[0]
	}
	_, change := near[0].ZoneBounds()
	return change
}

// today returns the start of the current day, plus days.
func (p *platform) today(days int) time.Time { return p.dayOf(p.now(), days) }

// dayOf returns the start of the day of a time, plus days.
func (p *platform) dayOf(t time.Time, days int) time.Time {
	y, m, d := t.In(p.zone).Date()
	return startOfDay(y, m, d+days, p.zone)
}

// dateStart returns the start of a date, plus days.
func (p *platform) dateStart(d access.Date, days int) time.Time {
	return startOfDay(d.Year, d.Month, d.Day+days, p.zone)
}

// formTime parses a date and time of a form, in the zone of the site.
func (p *platform) formTime(r *http.Request, field string) (time.Time, error) {
	return p.resolve(r, field, r.FormValue(field))
}

// resolve returns the instant of a local time. If there is none or more than one, it
// returns the person's choice in the field with _at after its name, or a problem with the
// choices.
func (p *platform) resolve(r *http.Request, field, text string) (time.Time, error) {
	local, err := time.Parse(inputTime, text)
	if err != nil {
		return local, invalidField(field, "Please give a date and a time.")
	}
	exact, near := instants(local, p.zone)
	if len(exact) == 1 {
		return exact[0], nil
	}
	chosen, err := time.Parse(time.RFC3339, r.FormValue(field+"_at"))
	if err == nil && slices.ContainsFunc(near, chosen.Equal) {
		return chosen.In(p.zone), nil
	}
	wrong := invalidField(field, "%s does not exist on %s: the clocks are set forward. Which time do you mean?",
		local.Format("15:04"), local.Format("2 January 2006"))
	if len(exact) == 2 {
		wrong = invalidField(field, "%s happens twice on %s: the clocks are set back. Which one do you mean?",
			local.Format("15:04"), local.Format("2 January 2006"))
	}
	wrong.Choices = near
	return local, wrong
}

// optionalTime parses a date and time of a form; zero if the field is empty.
func (p *platform) optionalTime(r *http.Request, field string) (time.Time, error) {
	if r.FormValue(field) == "" {
		return time.Time{}, nil
	}
	return p.formTime(r, field)
}

// clock returns the time of day. A time that happens twice on that day has its offset.
func (p *platform) clock(t time.Time) string {
	t = t.In(p.zone)
	y, m, d := t.Date()
	exact, _ := instants(time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, time.UTC), p.zone)
	if len(exact) > 1 {
		return t.Format("15:04 (UTC-07:00)")
	}
	return t.Format("15:04")
}

// when returns a time in short form: "18:00", "tomorrow 08:00", "Mon 08:00".
func (p *platform) when(t time.Time) string {
	clock := p.clock(t)
	t = t.In(p.zone)
	switch day := p.dayOf(t, 0); {
	case day.Equal(p.today(0)):
		return clock
	case day.Equal(p.today(1)):
		return "tomorrow " + clock
	case day.Equal(p.today(-1)):
		return "yesterday " + clock
	case day.After(p.now()) && day.Before(p.today(7)):
		return t.Format("Mon ") + clock
	}
	return t.Format("Mon 2 Jan 2006 ") + clock
}

// week is the order of the days on the pages.
var week = access.Days(access.Mon, access.Sun)

// hoursForm is the form for the hours of a door or a grant.
type hoursForm struct {
	Key  string      // part of the field names
	Name string      // the name of the door or grant
	Kind string      // "none", "always", "weekly"
	Rows []rangeForm // as entered; the last one is empty
}

type rangeForm struct {
	From, To string
	Days     []string // numbers of weekdays
}

// newHoursForm returns the form for hours, or for no access.
func newHoursForm(key, name string, h *access.Hours) hoursForm {
	f := hoursForm{Key: key, Name: name, Kind: "none"}
	if h != nil {
		f.Kind = "weekly"
		if h.Always {
			f.Kind = "always"
		}
		for _, r := range h.Ranges {
			row := rangeForm{From: r.From.String(), To: strings.Replace(r.To.String(), "24:00", "00:00", 1)}
			for _, d := range r.Days {
				row.Days = append(row.Days, strconv.Itoa(int(d)))
			}
			f.Rows = append(f.Rows, row)
		}
	}
	f.Rows = append(f.Rows, rangeForm{})
	return f
}

// maxRanges is how many rows of hours a form may have.
const maxRanges = 20

// parseHoursForm returns the form as it was submitted, valid or not.
func parseHoursForm(form url.Values, key, name string) hoursForm {
	f := hoursForm{Key: key, Name: name, Kind: form.Get("hours." + key)}
	for i := range maxRanges {
		suffix := fmt.Sprintf(".%s.%d", key, i)
		row := rangeForm{form.Get("from" + suffix), form.Get("to" + suffix), form["day"+suffix]}
		if row.From != "" || row.To != "" || len(row.Days) > 0 {
			f.Rows = append(f.Rows, row)
		}
	}
	f.Rows = append(f.Rows, rangeForm{})
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
		for _, d := range week {
			if slices.Contains(row.Days, strconv.Itoa(int(d))) {
				r.Days = append(r.Days, d)
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

// hoursText returns hours as text. Those of an exception have no days.
func hoursText(h access.Hours) string {
	if h.Always {
		return "24/7"
	}
	var parts []string
	for _, r := range h.Ranges {
		parts = append(parts, strings.TrimSpace(daysText(r.Days)+" "+r.From.String()+"–"+r.To.String()))
	}
	return strings.Join(parts, ", ")
}

// scheduleText returns the schedule of a lock as text. Schedules are changed in SALTO KS.
func scheduleText(s *gate.LockSchedule) string {
	switch {
	case s == nil:
		return "none"
	case s.AutoStart:
		return "opens at " + s.Start.String() + " and locks at " + s.End.String() + ", " + daysText(s.Days)
	}
	return "locks at " + s.End.String() + ", " + daysText(s.Days)
}

// daysText returns days as text: "Mon–Fri", "Sat, Sun".
func daysText(days []access.Day) string {
	if len(days) == len(week) {
		return "every day"
	}
	var parts []string
	has := func(i int) bool { return i >= 0 && i < len(week) && slices.Contains(days, week[i]) }
	for i, day := range week {
		name := day.String()[:3]
		switch {
		case !has(i), has(i-1) && has(i+1): // not one of the days, or between two of them
		case has(i-1) && has(i-2): // the last one of at least three
			parts[len(parts)-1] += "–" + name
		default:
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ", ")
}
