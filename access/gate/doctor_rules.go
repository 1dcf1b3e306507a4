package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/doorkit/doorkit/access"
)

// rulesAndDoors compares the rules with the doors.
func (e *examination) rulesAndDoors(context.Context) {
	if e.rules.Version == 0 {
		return
	}
	facts := e.facts()
	facts.Resources, facts.Exceptions, facts.Closures = e.rules.Resources, e.rules.Exceptions, e.rules.Closures
	names := map[string]bool{}
	for _, d := range e.doors {
		names[d.ID] = true
	}
	used, types := map[string]int{}, map[string]int{}
	refer := func(about, door string) {
		used[door]++
		if !names[door] {
			e.find(Issue{
				Code: "rules_without_door", Severity: Warning, About: about, What: fmt.Sprintf("It names the door %q, which does not exist.", door),
				Breaks: "Who relies on it stands before a locked door.", Do: "Link a lock as that door, or take it out of the rule.",
			})
		}
	}
	for _, t := range e.rules.MembershipTypes {
		for _, d := range t.Doors {
			refer("membership type "+t.ID, d.Door)
			types[d.Door]++
		}
	}
	for _, r := range e.rules.Resources {
		for _, d := range r.Doors {
			refer("resource "+r.ID, d)
		}
	}
	for _, g := range e.grants {
		refer("grant "+g.ID, g.Door)
	}
	if _, err := access.Compile(facts); err != nil {
		bad, ok := errors.AsType[*access.FactsError](err)
		if !ok {
			e.unchecked("rules", err)
			return
		}
		for _, f := range bad.Faults {
			if strings.Contains(f.What, "no door") {
				continue // told above, by name
			}
			e.find(Issue{
				Code: "bad_rules", Severity: Critical, About: f.Path, What: f.What + ".",
				Breaks: "Whoever's access rests on it is denied.", Do: "Correct the rules.",
			})
		}
	}
	for _, d := range e.doors {
		switch {
		case d.Link.IsZero():
			e.find(Issue{
				Code: "not_linked", Severity: Warning, About: d.ID, What: "No lock is linked to it.",
				Breaks: "It opens for nobody.", Do: "Link a lock, or delete the door.",
			})
		case used[d.ID] == 0:
			e.find(Issue{
				Code: "door_without_rules", Severity: Note, About: d.ID, What: "No membership type, grant or resource names it.",
				Breaks: "It opens for nobody.", Do: "Add it to a membership type, a resource, or grant it to somebody.",
			})
		}
		if d.AccessType == access.AccessAndOfficeMode && (types[d.ID] > 1 || looksLikeEntrance(d.Name)) {
			e.find(Issue{
				Code: "office_mode_on_entrance", Severity: Warning, About: d.ID, What: "Members may put it into office mode, and it looks like an entrance for many.",
				Breaks: "One member can leave the door open for everybody.", Do: "Make it access only: office mode is for private offices and for rooms that are booked.",
			})
		}
	}
}

// facts are the rules and doors, for access.Compile.
func (e *examination) facts() access.Facts {
	facts := access.Facts{Site: e.rules.Site, Settings: e.rules.Settings, MembershipTypes: e.rules.MembershipTypes}
	for _, d := range e.doors {
		facts.Doors = append(facts.Doors, d.Door)
	}
	return facts
}

// people finds members and grants whose facts contradict themselves or the rules:
// such a member is denied at every door.
func (e *examination) people(ctx context.Context) {
	if e.rules.Version == 0 {
		return
	}
	grants := map[string][]access.Grant{}
	for _, g := range e.grants {
		grants[g.Member] = append(grants[g.Member], g)
	}
	type fault struct {
		kind, first, what string
		others            int
	}
	faults := map[string]*fault{}
	facts := e.facts()
	examine := func() {
		_, err := access.Compile(facts)
		bad, _ := errors.AsType[*access.FactsError](err)
		told := map[string]bool{}
		for i := 0; bad != nil && i < len(bad.Faults); i++ {
			what := bad.Faults[i].What
			list, rest, _ := strings.Cut(bad.Faults[i].Path, "[")
			number, _, _ := strings.Cut(rest, "]")
			n, err := strconv.Atoi(number)
			f := fault{kind: list, what: what}
			switch {
			case err != nil, strings.HasPrefix(what, "no door"): // told of the rules
				continue
			case list == "members" && n < len(facts.Members):
				f.kind, f.first = "member", facts.Members[n].ID
			case list == "grants" && n < len(facts.Grants):
				f.kind, f.first = "grant", facts.Grants[n].ID
			default:
				continue
			}
			key := f.kind + " " + what
			if known := faults[key]; known == nil {
				faults[key] = &f
			} else if !told[key+f.first] && known.first != f.first {
				known.others++
			}
			told[key+f.first] = true
		}
		facts.Members, facts.Grants = facts.Members[:0], facts.Grants[:0]
	}
	for m, err := range e.p.Members.Members(ctx, e.g.site) {
		if err != nil {
			e.unchecked("members", err)
			return
		}
		facts.Members, facts.Grants = append(facts.Members, m), append(facts.Grants, grants[m.ID]...)
		if len(facts.Members) == 1000 {
			examine()
		}
	}
	examine()
	for _, key := range slices.Sorted(maps.Keys(faults)) {
		f := faults[key]
		found := Issue{
			Code: "bad_member", Severity: Warning, About: f.kind + " " + f.first, What: "In its facts: " + f.what + ".",
			Breaks: "Denied at every door.", Do: "Correct the facts, or bring back what they name.",
		}
		if f.kind == "grant" {
			found.Code, found.Breaks = "bad_grant", "Its member is denied at its door, whatever else would open it."
		}
		switch {
		case f.others == 1:
			found.About += " and 1 other"
		case f.others > 1:
			found.About += fmt.Sprintf(" and %d others", f.others)
		}
		e.find(found)
	}
}

func looksLikeEntrance(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"entrance", "front door", "main door", "lobby", "eingang", "haustür", "ingang", "entrée"}, func(s string) bool { return strings.Contains(name, s) })
}

// grantsAndMembers finds grants that open nothing.
func (e *examination) grantsAndMembers(ctx context.Context) {
	for _, g := range e.grants {
		if !g.Until.IsZero() && !e.now.Before(g.Until) {
			continue
		}
		m, err := e.p.Members.Member(ctx, e.g.site, g.Member)
		switch {
		case errors.Is(err, ErrNotFound):
			e.find(Issue{
				Code: "grant_without_member", Severity: Note, About: "grant " + g.ID, What: "Its member does not exist.",
				Breaks: "It opens nothing.", Do: "Delete the grant, or add the member.",
			})
		case err != nil:
			e.unchecked("members", err)
			return
		case (g.RequiresMembership == nil || *g.RequiresMembership) && !slices.ContainsFunc(m.Memberships, func(s access.Membership) bool {
			return !s.Paused && (s.Until.IsZero() || e.now.Before(s.Until))
		}):
			e.find(Issue{
				Code: "grant_without_membership", Severity: Warning, About: "grant " + g.ID, What: "It wants an active membership, and its member has none.",
				Breaks: "The member stands before a locked door.", Do: "Give the member a membership, or let the grant go without one.",
			})
		}
	}
}

// schedule compares the hours of the lock's own schedule with those of the
// types: SALTO's schedule locks, whatever members may do here.
func (e *examination) schedule(d Door, l CatalogLock) {
	s := l.Schedule
	if s == nil {
		return
	}
	for _, t := range e.rules.MembershipTypes {
		for _, h := range t.Doors {
			if h.Door != d.ID {
				continue
			}
			until, late := opensAfter(h.Hours, *s)
			if !late {
				continue
			}
			e.find(Issue{
				Code: "schedule_conflict", Severity: Note, About: d.ID + ", membership type " + t.ID,
				What:   fmt.Sprintf("SALTO's schedule locks this door at %s while the type opens it until %s.", s.End, until),
				Breaks: "Office mode ends at that time; unlocking with a digital key works on.", Do: "Change the schedule in SALTO KS, or the hours here, if that is not meant.",
			})
		}
	}
}

// opensAfter tells until when hours are open on a day of the schedule whose end
// they outlast.
func opensAfter(h access.Hours, s LockSchedule) (until string, late bool) {
	if h.Always {
		return "any hour", true
	}
	for _, r := range h.Ranges {
		if slices.ContainsFunc(r.Days, func(d access.Day) bool { return slices.Contains(s.Days, d) }) &&
			r.From < s.End && (r.To > s.End || r.To < r.From) {
			return r.To.String(), true
		}
	}
	return "", false
}
