package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// effect is what a change of rules does to one door, as a sentence says it.
type effect struct {
	Door   string
	Gained bool
	People []string
	When   string
}

// String is such as "3 people lose Front Door at weekends".
func (e effect) String() string {
	who, verb := fmt.Sprintf("%d people", len(e.People)), "lose"
	if e.Gained {
		verb = "gain"
	}
	if len(e.People) == 1 {
		who, verb = e.People[0], verb+"s"
	}
	return who + " " + verb + " " + e.Door + " " + e.When
}

// whatIf compares the rules as they are with the rules as they would be, over
// the week from tomorrow on. Nothing is written.
func (w *web) whatIf(ctx context.Context, change func(*access.Facts)) ([]effect, error) {
	y, m, d := w.now().In(w.zone).Date()
	return w.whatIfDuring(ctx, access.Span{From: time.Date(y, m, d+1, 0, 0, 0, 0, w.zone), Until: time.Date(y, m, d+8, 0, 0, 0, 0, w.zone)}, change)
}

func (w *web) whatIfDuring(ctx context.Context, span access.Span, change func(*access.Facts)) ([]effect, error) {
	doc, err := gate.Export(ctx, w.stores().Readers(), space)
	if err != nil {
		return nil, err
	}
	before, err := access.Compile(doc.Facts)
	if err != nil {
		return nil, err
	}
	facts := doc.Facts
	change(&facts)
	after, err := access.Compile(facts)
	if faulty, ok := errors.AsType[*access.FactsError](err); ok {
		return nil, bad("These rules contradict themselves: %s", faulty)
	}
	if err != nil {
		return nil, err
	}
	names, err := w.table.names(ctx)
	if err != nil {
		return nil, err
	}

	type key struct {
		door   string
		gained bool
	}
	people, spans := map[key][]string{}, map[key][]access.Span{}
	for diff := range access.Diff(before, after, nil, nil, span) {
		k := key{diff.Door, diff.Gained}
		if name := names[diff.Member]; !slices.Contains(people[k], name) {
			people[k] = append(people[k], name)
		}
		spans[k] = append(spans[k], access.Span{From: diff.From, Until: diff.Until})
	}
	var effects []effect
	for _, door := range facts.Doors {
		for _, gained := range []bool{false, true} {
			if k := (key{door.ID, gained}); len(people[k]) > 0 {
				effects = append(effects, effect{door.Name, gained, people[k], spansText(spans[k], w.zone)})
			}
		}
	}
	return effects, nil
}

// spansText says when: on which days, and between which times if they are the
// same on all of them.
func spansText(spans []access.Span, zone *time.Location) string {
	days := map[access.Day]bool{}
	pieces := map[string]bool{}
	for _, s := range spans {
		for at := s.From; at.Before(s.Until); {
			local := at.In(zone)
			y, m, d := local.Date()
			from, to, end := local.Format("15:04"), "24:00", dawn(y, m, d+1, zone)
			if at.Equal(dawn(y, m, d, zone)) {
				from = "00:00"
			}
			if s.Until.Before(end) {
				end, to = s.Until, s.Until.In(zone).Format("15:04")
			}
			days[local.Weekday()] = true
			pieces[from+" to "+to] = true
			at = end
		}
	}
	var list []access.Day
	for d := range days {
		list = append(list, d)
	}
	slices.Sort(list)
	text := "on " + daysText(list)
	switch {
	case len(list) == 7:
		text = "every day"
	case slices.Equal(list, []access.Day{access.Sun, access.Sat}):
		text = "at weekends"
	case slices.Equal(list, access.Days(access.Mon, access.Fri)):
		text = "on weekdays"
	}
	switch {
	case len(pieces) == 1 && pieces["00:00 to 24:00"]:
		if len(list) == 7 {
			text = "at all times"
		}
	case len(pieces) == 1:
		for p := range pieces {
			text += " from " + p
		}
	default:
		text += " at certain hours"
	}
	return text
}

// dawn is the first instant of a day: midnight, or an hour later on a day that
// has none. time.Date may then answer with the day before.
func dawn(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if t.Day() != time.Date(y, m, d, 12, 0, 0, 0, zone).Day() {
		t = t.Add(time.Hour)
	}
	return t
}
