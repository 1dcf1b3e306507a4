package main

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/doorkit/doorkit/access"
)

// calendarEntry is a time at which other rules apply than usual: an exception or a closure.
type calendarEntry struct {
	access.Span
	Index      int    // in the exceptions, and then the closures, of the rules
	When, What string // "Wed 6 May 2026, 06:00 to 12:00", "closed: new floor"
	Doors      []string
	Over       bool
}

// calendarView is the data of the calendar.
type calendarView struct {
	List    []calendarEntry // the next one first, those that are over last
	Removes *calendarEntry  // the entry to remove, if the review is about one
}

func (p *platform) calendarPage(c *call) error {
	v := calendarView{List: p.calendar(c.House)}
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
		return a.From.Compare(b.From)
	})
	return p.page(c, nil, "calendar", "Calendar", v)
}

// calendar returns the exceptions, and then the closures.
func (p *platform) calendar(h house) (list []calendarEntry) {
	add := func(span access.Span, what string, doors []string) {
		e := calendarEntry{Span: span, Index: len(list), When: p.spanText(span), What: what, Over: !span.Until.After(p.now())}
		for _, id := range doors {
			e.Doors = append(e.Doors, h.DoorNames[id])
		}
		list = append(list, e)
	}
	for _, e := range h.Exceptions {
		what := hoursText(access.Weekly(e.Hours...))
		if e.Closed {
			what = "closed"
		}
		add(p.spanOf(e), what, e.Doors)
	}
	for _, closure := range h.Closures {
		what := "closed for everyone"
		if closure.Note != "" {
			what += ": " + closure.Note
		}
		add(access.Span{From: closure.From, Until: closure.Until}, what, closure.Doors)
	}
	return list
}

func (p *platform) spanOf(e access.Exception) access.Span {
	return access.Span{From: p.dateStart(e.From, 0), Until: p.dateStart(e.To, 1)}
}

// spanText returns a span as text: its days, and its times unless it lasts whole days.
func (p *platform) spanText(s access.Span) string {
	const day = "Mon 2 Jan 2006"
	first, last := s.From.In(p.zone).Format(day), s.Until.Add(-time.Nanosecond).In(p.zone).Format(day)
	wholeDays := s.From.Equal(p.dayOf(s.From, 0)) && s.Until.Equal(p.dayOf(s.Until, 0))
	switch {
	case wholeDays && first == last:
		return first
	case wholeDays:
		return first + " to " + last
	case first == last:
		return first + ", " + p.clock(s.From) + " to " + p.clock(s.Until)
	}
	return first + ", " + p.clock(s.From) + " to " + last + ", " + p.clock(s.Until)
}

// changeCalendar adds an entry or removes one, after a review of the effects.
func (p *platform) changeCalendar(c *call) (err error) {
	rules := c.House.Rules
	var span access.Span
	switch remove := c.PostForm.Get("remove"); {
	case remove != "":
		i, err := strconv.Atoi(remove)
		list, n := p.calendar(c.House), len(rules.Exceptions)
		if err != nil || i < 0 || i >= len(list) {
			return errNotFound
		}
		span = list[i].Span
		if i < n {
			rules.Exceptions = slices.Delete(slices.Clone(rules.Exceptions), i, i+1)
		} else {
			rules.Closures = slices.Delete(slices.Clone(rules.Closures), i-n, i-n+1)
		}
	case c.PostForm.Get("kind") == "closure":
		var closure access.Closure
		closure, err = p.formClosure(c.Request)
		rules.Closures = append(slices.Clone(rules.Closures), closure)
		span = access.Span{From: closure.From, Until: closure.Until}
	default:
		var e access.Exception
		e, err = p.formException(c.Request)
		rules.Exceptions = append(slices.Clone(rules.Exceptions), e)
		span = p.spanOf(e)
	}
	if err != nil {
		return err
	}
	return p.changeRules(c, rules, span, "/manage/calendar")
}

// formDates parses the first and the last day. Without a last day it is the first one.
func (p *platform) formDates(r *http.Request) (from, to access.Date, err error) {
	if from, err = access.ParseDate(r.PostForm.Get("from")); err != nil {
		return from, to, invalidField("from", "Enter the date, or the first and the last day.")
	}
	if to = from; r.PostForm.Get("to") != "" {
		if to, err = access.ParseDate(r.PostForm.Get("to")); err != nil {
			return from, to, invalidField("to", "Enter the last day, or nothing.")
		}
	}
	switch last := p.dateStart(to, 0); {
	case last.Before(p.dateStart(from, 0)):
		return from, to, invalidField("to", "The last day is before the first day.")
	case last.After(p.dateStart(from, 365)):
		return from, to, invalidField("to", "An entry lasts at most one year.")
	}
	return from, to, nil
}

// formException parses the days on which other weekly hours apply.
func (p *platform) formException(r *http.Request) (e access.Exception, err error) {
	if e.From, e.To, err = p.formDates(r); err != nil {
		return e, err
	}
	e.Doors = r.PostForm["door"]
	if r.PostForm.Get("kind") == "closed" {
		e.Closed = true
		return e, nil
	}
	var hours access.Range
	err = errors.Join(
		into(&hours.From)(access.ParseClock(r.PostForm.Get("opens"))),
		into(&hours.To)(access.ParseClock(r.PostForm.Get("closes"))),
	)
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
	from, to, err := p.formDates(r)
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
