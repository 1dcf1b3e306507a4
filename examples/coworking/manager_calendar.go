package main

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
)

// calendarEntry is a time at which other rules apply than usual: an exception or a closure.
type calendarEntry struct {
	Index       int    // in the exceptions, and then the closures, of the rules
	When, What  string // "Wed 6 May 2026, 06:00 to 12:00", "closed: new floor"
	Doors       []string
	Over        bool
	from, until time.Time
}

// calendarView is the data of the calendar.
type calendarView struct {
	List    []calendarEntry // the next one first, those that are over last
	Removes *calendarEntry  // the entry to remove, if the review is about one
}

func (p *platform) calendarPage(c *call) error {
	h := c.house
	var v calendarView
	for i, e := range h.Exceptions {
		v.List = append(v.List, p.newEntry(h, i, p.dateStart(e.From, 0), p.dateStart(e.To, 1), exceptionText(e), e.Doors))
	}
	for i, one := range h.Closures {
		what := "closed for everyone"
		if one.Note != "" {
			what += ": " + one.Note
		}
		v.List = append(v.List, p.newEntry(h, len(h.Exceptions)+i, one.From, one.Until, what, one.Doors))
	}
	if i, err := strconv.Atoi(c.PostFormValue("remove")); err == nil && i >= 0 && i < len(v.List) {
		v.Removes = new(v.List[i])
	}
	slices.SortStableFunc(v.List, func(a, b calendarEntry) int {
		if a.Over != b.Over {
			if a.Over {
				return 1
			}
			return -1
		}
		return a.from.Compare(b.from)
	})
	return p.page(c, nil, "calendar", "Calendar", v)
}

func (p *platform) newEntry(h house, index int, from, until time.Time, what string, doors []string) calendarEntry {
	e := calendarEntry{Index: index, What: what, Over: !until.After(p.now()), from: from, until: until}
	for _, id := range doors {
		e.Doors = append(e.Doors, h.DoorNames[id])
	}
	const day = "Mon 2 Jan 2006"
	first, last := from.In(p.zone).Format(day), until.Add(-time.Nanosecond).In(p.zone).Format(day)
	wholeDays := from.Equal(p.dayOf(from, 0)) && until.Equal(p.dayOf(until, 0))
	switch {
	case wholeDays && first == last:
		e.When = first
	case wholeDays:
		e.When = first + " to " + last
	case first == last:
		e.When = first + ", " + p.clock(from) + " to " + p.clock(until)
	default:
		e.When = first + ", " + p.clock(from) + " to " + last + ", " + p.clock(until)
	}
	return e
}

func exceptionText(e access.Exception) string {
	if e.Closed {
		return "closed"
	}
	var parts []string
	for _, r := range e.Hours {
		parts = append(parts, r.From.String()+"–"+r.To.String())
	}
	return strings.Join(parts, ", ")
}

// changeCalendar adds an entry or removes one, after a review of the effects.
func (p *platform) changeCalendar(c *call) error {
	h := c.house
	var span access.Span
	if text := c.PostForm.Get("remove"); text != "" {
		i, err := strconv.Atoi(text)
		closure := i - len(h.Exceptions)
		switch {
		case err != nil || i < 0 || closure >= len(h.Closures):
			return errNotFound
		case closure < 0:
			span = p.spanOf(h.Exceptions[i])
			h.Exceptions = slices.Delete(slices.Clone(h.Exceptions), i, i+1)
		default:
			span = access.Span{From: h.Closures[closure].From, Until: h.Closures[closure].Until}
			h.Closures = slices.Delete(slices.Clone(h.Closures), closure, closure+1)
		}
		return p.changeRules(c, h.Rules, span, "/manage/calendar")
	}
	if c.PostForm.Get("kind") == "closure" {
		closure, err := p.formClosure(c.Request)
		if err != nil {
			return err
		}
		h.Closures = append(slices.Clone(h.Closures), closure)
		span = access.Span{From: closure.From, Until: closure.Until}
	} else {
		e, err := formException(c.Request)
		if err != nil {
			return err
		}
		h.Exceptions = append(slices.Clone(h.Exceptions), e)
		span = p.spanOf(e)
	}
	return p.changeRules(c, h.Rules, span, "/manage/calendar")
}

func (p *platform) spanOf(e access.Exception) access.Span {
	return access.Span{From: p.dateStart(e.From, 0), Until: p.dateStart(e.To, 1)}
}

// formDates parses the first and the last day. Without a last day it is the first one.
func formDates(r *http.Request) (from, to access.Date, err error) {
	if from, err = access.ParseDate(r.PostForm.Get("from")); err != nil {
		return from, to, invalidField("from", "Enter the date, or the first and the last day.")
	}
	if to = from; r.PostForm.Get("to") != "" {
		if to, err = access.ParseDate(r.PostForm.Get("to")); err != nil {
			return from, to, invalidField("to", "Enter the last day, or nothing.")
		}
	}
	utc := func(d access.Date) time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }
	switch days := utc(to).Sub(utc(from)) / (24 * time.Hour); {
	case days < 0:
		return from, to, invalidField("to", "The last day is before the first day.")
	case days > 365:
		return from, to, invalidField("to", "An entry lasts at most one year.")
	}
	return from, to, nil
}

// formException parses the days on which other weekly hours apply.
func formException(r *http.Request) (e access.Exception, err error) {
	if e.From, e.To, err = formDates(r); err != nil {
		return e, err
	}
	e.Doors = r.PostForm["door"]
	if r.PostForm.Get("kind") == "closed" {
		e.Closed = true
		return e, nil
	}
	var hours access.Range
	if hours.From, err = access.ParseClock(r.PostForm.Get("opens")); err == nil {
		hours.To, err = access.ParseClock(r.PostForm.Get("closes"))
	}
	if err != nil {
		return e, invalidField("opens", "Enter both times.")
	}
	if hours.From == hours.To {
		return e, invalidField("opens", "The two times are the same.")
	}
	e.Hours = []access.Range{hours}
	return e, nil
}

// formClosure parses a closure: from a time on the first day until a time on the last day.
// Without times it lasts whole days.
func (p *platform) formClosure(r *http.Request) (c access.Closure, err error) {
	from, to, err := formDates(r)
	if err != nil {
		return c, err
	}
	at := func(day access.Date, field string, otherwise time.Time) (time.Time, error) {
		text := r.PostForm.Get(field)
		if text == "" {
			return otherwise, nil
		}
		return p.resolve(r, field, day.String()+"T"+text)
	}
	c.Doors, c.Note = r.PostForm["door"], r.PostForm.Get("note")
	err = errors.Join(
		into(&c.From)(at(from, "opens", p.dateStart(from, 0))),
		into(&c.Until)(at(to, "closes", p.dateStart(to, 1))),
	)
	if err != nil {
		return c, err
	}
	if !c.Until.After(c.From) {
		return c, invalidField("closes", "The closure ends before it begins.")
	}
	return c, nil
}
