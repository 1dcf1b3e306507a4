package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
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

// formTimes parses optional dates and times into bounds.
func (p *platform) formTimes(r *http.Request, bounds map[string]*time.Time) error {
	for field, to := range bounds {
		if r.FormValue(field) == "" {
			continue
		}
		t, err := p.formTime(r, field)
		if err != nil {
			return err
		}
		*to = t.UTC()
	}
	return nil
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
	now, clock := p.now().In(p.zone), p.clock(t)
	t = t.In(p.zone)
	day := func(t time.Time) time.Time { y, m, d := t.Date(); return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	switch days := int(day(t).Sub(day(now)).Hours() / 24); {
	case days == 0:
		return clock
	case days == 1:
		return "tomorrow " + clock
	case days == -1:
		return "yesterday " + clock
	case days > 1 && days < 7:
		return t.Format("Mon ") + clock
	}
	return t.Format("Mon 2 Jan 2006 ") + clock
}
