package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
)

// holidaysView lists the days with other hours, with a form to add one.
type holidaysView struct {
	Version  uint64
	List     []holiday
	Form     holidayForm
	Reviewed bool
	Removes  string // the index of the holiday to remove, if the review is about one
	Effects  []effect
}

type holiday struct {
	When, What string
	Over       bool
}

// holidayForm contains the fields of the form as they were submitted.
type holidayForm struct {
	From, To, Kind, Opens, Closes string
}

func (p *platform) holidaysPage(rw http.ResponseWriter, r *http.Request) error {
	return p.showHolidays(rw, r, http.StatusOK, "", holidaysView{Form: holidayForm{Kind: "closed"}})
}

func (p *platform) showHolidays(rw http.ResponseWriter, r *http.Request, status int, problem string, v holidaysView) error {
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	if v.Version == 0 {
		v.Version = rules.Version
	}
	for _, e := range rules.Exceptions {
		v.List = append(v.List, holiday{datesText(e), exceptionText(e), !p.midnight(e.To, 1).After(p.now())})
	}
	p.show(rw, r, status, "holidays", view{Title: "Holidays", Problem: problem, Data: v})
	return nil
}

// changeHolidays shows the effects of adding or removing a holiday, or saves it.
func (p *platform) changeHolidays(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, version, err := p.rulesForForm(r)
	if err != nil {
		return err
	}
	if rules.Version != version {
		return errRulesChanged
	}
	v := holidaysView{Version: version, Reviewed: true, Removes: r.PostForm.Get("remove"), Form: parseHolidayForm(r.PostForm)}
	list := slices.Clone(rules.Exceptions)
	var changed access.Exception
	if v.Removes != "" {
		i, err := strconv.Atoi(v.Removes)
		if err != nil || i < 0 || i >= len(list) {
			return errNotFound
		}
		changed = list[i]
		list = slices.Delete(list, i, i+1)
	} else {
		var wrong string
		if changed, wrong = v.Form.exception(); wrong != "" {
			return p.showHolidays(rw, r, http.StatusUnprocessableEntity, wrong, holidaysView{Version: version, Form: v.Form})
		}
		list = append(list, changed)
	}
	if r.PostForm.Get("do") != "save" {
		span := access.Span{From: p.midnight(changed.From, 0), Until: p.midnight(changed.To, 1)}
		if v.Effects, err = p.whatIfDuring(ctx, span, func(f *access.Facts) { f.Exceptions = list }); err != nil {
			return err
		}
		return p.showHolidays(rw, r, http.StatusOK, "", v)
	}
	rules.Exceptions, rules.Revision = list, rand.Text()
	if err := p.putRules(ctx, rules); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/holidays", "saved")
}

func parseHolidayForm(form url.Values) holidayForm {
	f := holidayForm{form.Get("from"), form.Get("to"), form.Get("kind"), form.Get("opens"), form.Get("closes")}
	if f.To == "" {
		f.To = f.From
	}
	return f
}

// exception parses the form. If the form is not valid, wrong is the message for it.
func (f holidayForm) exception() (e access.Exception, wrong string) {
	var err error
	if e.From, err = access.ParseDate(f.From); err == nil {
		e.To, err = access.ParseDate(f.To)
	}
	days := at(e.To, time.UTC, 1).Sub(at(e.From, time.UTC, 0)) / (24 * time.Hour)
	switch {
	case err != nil:
		return e, "Enter the date, or the first and the last day."
	case days < 1:
		return e, "The last day is before the first day."
	case days > 366:
		return e, "A holiday lasts at most one year."
	case f.Kind == "closed":
		e.Closed = true
		return e, ""
	}
	var hours access.Range
	if hours.From, err = access.ParseClock(f.Opens); err == nil {
		hours.To, err = access.ParseClock(f.Closes)
	}
	if err != nil {
		return e, "Enter both times."
	}
	if hours.From == hours.To {
		return e, "The two times are the same."
	}
	e.Hours = []access.Range{hours}
	return e, ""
}

// midnight returns the start of a date, plus days, in the zone of the site.
func (p *platform) midnight(d access.Date, days int) time.Time { return at(d, p.zone, days) }

func at(d access.Date, zone *time.Location, days int) time.Time {
	return time.Date(d.Year, d.Month, d.Day+days, 0, 0, 0, 0, zone)
}

func datesText(e access.Exception) string {
	const form = "Mon 2 Jan 2006"
	from, to := at(e.From, time.UTC, 0).Format(form), at(e.To, time.UTC, 0).Format(form)
	if from == to {
		return from
	}
	return from + " to " + to
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
