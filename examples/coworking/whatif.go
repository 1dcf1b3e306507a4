package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// effect describes what a change of the rules does at one door.
type effect struct {
	Door   string
	Gained bool
	People []string
	When   string
}

// String returns a sentence such as "3 people lose Front Door on weekends".
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

// whatIf compares the current rules with the changed ones, over the week from tomorrow.
// It writes nothing.
func (p *platform) whatIf(ctx context.Context, change func(*access.Facts)) ([]effect, error) {
	y, m, d := p.now().In(p.zone).Date()
	return p.whatIfDuring(ctx, access.Span{
		From: time.Date(y, m, d+1, 0, 0, 0, 0, p.zone), Until: time.Date(y, m, d+8, 0, 0, 0, 0, p.zone),
	}, change)
}

func (p *platform) whatIfDuring(ctx context.Context, span access.Span, change func(*access.Facts)) ([]effect, error) {
	doc, err := storage.Export(ctx, storage.ReadersOf(p.store), siteID)
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
		return nil, invalid("These rules are not valid: %s", faulty)
	}
	if err != nil {
		return nil, err
	}
	names, err := p.accounts.names(ctx)
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
				effects = append(effects, effect{door.Name, gained, people[k], spansText(spans[k], p.zone)})
			}
		}
	}
	return effects, nil
}

// spansText describes spans of one week: the days, and the times if they are the same on
// all of them.
func spansText(spans []access.Span, zone *time.Location) string {
	days := map[access.Day]bool{}
	pieces := map[string]bool{}
	for _, s := range spans {
		for at := s.From; at.Before(s.Until); {
			local := at.In(zone)
			y, m, d := local.Date()
			from, to, end := local.Format("15:04"), "24:00", startOfDay(y, m, d+1, zone)
			if at.Equal(startOfDay(y, m, d, zone)) {
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
		text = "on weekends"
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

// startOfDay returns the first instant of a day: midnight, or an hour later if the clocks skip
// midnight on that day. time.Date may then return an instant of the day before.
func startOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if t.Day() != time.Date(y, m, d, 12, 0, 0, 0, zone).Day() {
		t = t.Add(time.Hour)
	}
	return t
}
