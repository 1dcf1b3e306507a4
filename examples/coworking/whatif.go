package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// effect describes what a change of the rules does at one door.
type effect struct {
	Door   string
	Gained bool
	People []string
	When   string
}

// whatIf compares the current rules with changed ones, over a span of time. It writes
// nothing.
func (p *platform) whatIf(c *call, span access.Span, changed gate.Rules) (effects []effect, err error) {
	facts, before, err := p.compile(c.Context())
	if err != nil {
		return nil, err
	}
	facts.Settings, facts.MembershipTypes, facts.Resources = changed.Settings, changed.MembershipTypes, changed.Resources
	facts.Exceptions, facts.Closures = changed.Exceptions, changed.Closures
	after, err := access.Compile(facts)
	if faulty, ok := errors.AsType[*access.FactsError](err); ok {
		return nil, invalid("These rules are not valid: %s", faulty)
	}
	if err != nil {
		return nil, err
	}
	for _, door := range facts.Doors {
		for _, gained := range []bool{false, true} {
			e := effect{Door: door.Name, Gained: gained}
			var spans []access.Span
			for diff := range access.Diff(before, after, nil, []string{door.ID}, span) {
				if diff.Gained != gained {
					continue
				}
				if name := c.House.Names[diff.Member]; !slices.Contains(e.People, name) {
					e.People = append(e.People, name)
				}
				spans = append(spans, access.Span{From: diff.From, Until: diff.Until})
			}
			if len(spans) > 0 {
				e.When = spansText(spans, p.zone)
				effects = append(effects, e)
			}
		}
	}
	return effects, nil
}

// compile returns the facts of the site, and a policy of them.
func (p *platform) compile(ctx context.Context) (access.Facts, *access.Policy, error) {
	doc, err := storage.Export(ctx, storage.ReadersOf(p.store), siteID)
	if err != nil {
		return doc.Facts, nil, err
	}
	policy, err := access.Compile(doc.Facts)
	return doc.Facts, policy, err
}

// spansText describes spans of one week: the days, and the times if they are the same on
// all of them.
func spansText(spans []access.Span, zone *time.Location) string {
	onDay, atTime := map[access.Day]bool{}, map[string]bool{} // times as "08:00 to 18:00"
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
			onDay[access.Day(local.Weekday())] = true
			atTime[from+" to "+to] = true
			at = end
		}
	}
	days, times := slices.Sorted(maps.Keys(onDay)), slices.Sorted(maps.Keys(atTime))
	text := "on " + daysText(days)
	switch {
	case len(days) == 7:
		text = "every day"
	case slices.Equal(days, []access.Day{access.Sun, access.Sat}):
		text = "on weekends"
	case slices.Equal(days, access.Days(access.Mon, access.Fri)):
		text = "on weekdays"
	}
	switch allDay := times[0] == "00:00 to 24:00"; {
	case len(times) > 1:
		return text + " at certain hours"
	case allDay && len(days) == 7:
		return "at all times"
	case allDay:
		return text
	}
	return text + " from " + times[0]
}

// house is what most pages show of the site.
type house struct {
	gate.Rules
	Doors     []gate.Door
	DoorNames map[string]string // by id
	Names     map[string]string // of the people, by id
}

func (p *platform) house(ctx context.Context) (h house, err error) {
	err = errors.Join(
		into(&h.Rules)(p.store.Rules(ctx, siteID)),
		into(&h.Doors)(p.store.Doors(ctx, siteID)),
		into(&h.Names)(p.accounts.names(ctx)),
	)
	h.DoorNames = map[string]string{}
	for _, d := range h.Doors {
		h.DoorNames[d.ID] = d.Name
	}
	return h, err
}

// review is the state of a form whose changes are not saved yet: the manager sees whom they
// affect first.
type review struct {
	Effects  []effect
	NextWeek bool // they are those of the coming week
}

func (*review) Error() string { return "the change is not saved yet" }

// rulesForm returns a handler for a form that changes the rules. It has their version.
func rulesForm(page, submit handler) handler {
	return form(page, func(c *call) error {
		switch c.PostForm.Get("version") {
		case fmt.Sprint(c.House.Version):
			return submit(c)
		case "":
			return errIncomplete
		}
		return &problem{status: http.StatusConflict, text: "Another manager has changed the rules. Please reload the page and try again."}
	})
}

// changeRules returns a *review of the changed rules with the effects in a span of time. If
// the manager has reviewed them, it saves them and redirects to a page.
func (p *platform) changeRules(c *call, changed gate.Rules, span access.Span, page string) error {
	effects, err := p.whatIf(c, span, changed)
	if err != nil {
		return err
	}
	if c.PostForm.Get("do") != "save" {
		return &review{effects, span == p.nextWeek()}
	}
	return p.putRules(c, changed, page, "saved")
}

// putRules saves rules and redirects to a page.
func (p *platform) putRules(c *call, rules gate.Rules, page, note string) error {
	rules.Revision = rand.Text()
	return c.done(p.store.PutRules(c.Context(), rules), page, note)
}

// nextWeek is the span of the effects that a manager sees: the seven days from tomorrow.
func (p *platform) nextWeek() access.Span {
	return access.Span{From: p.today(1), Until: p.today(8)}
}
