package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
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
			e.report(Issue{
				Code: "rules_without_door", Severity: Warning, About: about, What: fmt.Sprintf("It names the door %q, which does not exist.", door),
				Breaks: "Members who rely on it find a locked door.", Do: "Link a lock as that door, or remove it from the rule.",
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
	for _, f := range faultsOf(facts) {
		if strings.Contains(f.What, "no door") {
			continue // reported above, by name
		}
		breaks := "No digital key opens any door."
		if strings.HasPrefix(f.Path, "membership_types") || strings.HasPrefix(f.Path, "resources") {
			breaks = "What it should open stays closed."
		}
		e.report(Issue{Code: "bad_rules", Severity: Critical, About: f.Path, What: f.What + ".", Breaks: breaks, Do: "Correct the rules."})
	}
	e.doorUse(used, types)
}

// doorUse reports doors that do not open, and shared entrances that members may put
// into office mode. used counts the rules that name each door, types the membership
// types among them.
func (e *examination) doorUse(used, types map[string]int) {
	for _, d := range e.doors {
		switch {
		case d.Link.IsZero():
			e.report(Issue{
				Code: string(CauseNotLinked), Severity: Warning, About: d.ID, What: "No lock is linked to it.",
				Breaks: "The door does not open.", Do: "Link a lock, or delete the door.",
			})
		case used[d.ID] == 0:
			e.report(Issue{
				Code: "door_without_rules", Severity: Note, About: d.ID, What: "No membership type, grant or resource names it.",
				Breaks: "The door opens for no member.", Do: "Add it to a membership type, a resource, or a grant.",
			})
		}
		if d.AccessType == access.AccessAndOfficeMode && (types[d.ID] > 1 || looksLikeEntrance(d.Name)) {
			e.report(Issue{
				Code: "office_mode_on_entrance", Severity: Warning, About: d.ID,
				What:   "Members may put it into office mode, and it looks like a shared entrance.",
				Breaks: "One member can leave the door open for everyone.",
				Do:     "Make it access only: office mode is for private offices and for rooms that are booked.",
			})
		}
	}
}

func looksLikeEntrance(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"entrance", "front door", "main door", "lobby", "eingang", "haustür", "ingang", "entrée"},
		func(s string) bool { return strings.Contains(name, s) })
}

// facts are the rules and doors that members, grants and reservations refer to.
func (e *examination) facts() access.Facts {
	facts := access.Facts{Site: e.rules.Site, Settings: e.rules.Settings, MembershipTypes: e.rules.MembershipTypes}
	for _, d := range e.doors {
		facts.Doors = append(facts.Doors, d.Door)
	}
	return facts
}

// faultsOf returns what is wrong with facts.
func faultsOf(facts access.Facts) []access.Fault {
	_, err := access.Compile(facts)
	if bad, ok := errors.AsType[*access.FactsError](err); ok {
		return bad.Faults
	}
	return nil
}

// people reports members, grants and reservations that are inconsistent, alone or with
// the rules.
func (e *examination) people(ctx context.Context) {
	if e.rules.Version == 0 {
		return
	}
	var faults rowFaults
	known, err := e.members(ctx, &faults)
	if err != nil {
		e.unchecked("members", err)
	} else if err := e.reservations(ctx, known, &faults); err != nil {
		e.unchecked("reservations", err)
	}
	for _, f := range faults.list {
		e.report(f.issue())
	}
}

// chunk is how many rows are compiled together.
const chunk = 1000

// members examines the members with their grants, and returns the ids of all.
func (e *examination) members(ctx context.Context, faults *rowFaults) (known map[string]bool, err error) {
	known = map[string]bool{}
	grants := map[string][]access.Grant{}
	for _, g := range e.grants {
		grants[g.Member] = append(grants[g.Member], g.Grant)
	}
	facts := e.facts()
	examine := func() {
		for _, f := range faultsOf(facts) {
			switch list, n := rowOf(f.Path); {
			case strings.HasPrefix(f.What, "no door"): // reported with the rules
			case list == "members" && n < len(facts.Members):
				faults.add("member", facts.Members[n].ID, f)
			case list == "grants" && n < len(facts.Grants):
				faults.add("grant", facts.Grants[n].ID, f)
			}
		}
		facts.Members, facts.Grants = facts.Members[:0], facts.Grants[:0]
	}
	for m, err := range e.d.Members.Members(ctx, e.g.site) {
		if err != nil {
			return nil, err
		}
		known[m.ID] = true
		facts.Members, facts.Grants = append(facts.Members, m.Member), append(facts.Grants, grants[m.ID]...)
		if len(facts.Members) == chunk {
			examine()
		}
	}
	examine()
	return known, nil
}

// reservations examines the reservations of the members that exist.
func (e *examination) reservations(ctx context.Context, known map[string]bool, faults *rowFaults) error {
	if e.d.Reservations == nil {
		return nil
	}
	facts := access.Facts{Site: e.rules.Site, Settings: e.rules.Settings, Resources: slices.Clone(e.rules.Resources)}
	for i := range facts.Resources {
		facts.Resources[i].Doors = nil // rulesAndDoors examines them
	}
	named := map[string]bool{}
	name := func(member string) {
		if known[member] && !named[member] {
			named[member] = true
			facts.Members = append(facts.Members, access.Member{ID: member})
		}
	}
	examine := func() {
		for _, f := range faultsOf(facts) {
			if list, n := rowOf(f.Path); list == "reservations" && n < len(facts.Reservations) {
				faults.add("reservation", facts.Reservations[n].ID, f)
			}
		}
		facts.Members, facts.Reservations = facts.Members[:0], facts.Reservations[:0]
		clear(named)
	}
	for r, err := range e.d.Reservations.Reservations(ctx, storage.ReservationQuery{Site: e.g.site}) {
		if err != nil {
			return err
		}
		name(r.Member)
		for _, guest := range r.Guests {
			name(guest)
		}
		if facts.Reservations = append(facts.Reservations, r.Reservation); len(facts.Reservations) == chunk {
			examine()
		}
	}
	examine()
	return nil
}

// rowOf returns the list and the index that a path begins with.
func rowOf(path string) (list string, index int) {
	list, rest, _ := strings.Cut(path, "[")
	number, _, _ := strings.Cut(rest, "]")
	index, err := strconv.Atoi(number)
	if err != nil {
		return "", 0
	}
	return list, index
}

// rowFaults collects the faults of rows: the same fault in several rows is one issue.
type rowFaults struct {
	list []*rowFault
}

type rowFault struct {
	kind, first string // the first row that has it
	field, what string
	last        string // the row that was counted last
	others      int
}

func (r *rowFaults) add(kind, id string, f access.Fault) {
	_, field, _ := strings.Cut(f.Path, ".")
	i := slices.IndexFunc(r.list, func(x *rowFault) bool { return x.kind == kind && x.what == f.What })
	if i < 0 {
		r.list = append(r.list, &rowFault{kind: kind, first: id, last: id, field: field, what: f.What})
		return
	}
	if x := r.list[i]; x.last != id {
		x.last, x.others = id, x.others+1
	}
}

func (r *rowFault) issue() Issue {
	about := r.kind + " " + r.first
	switch {
	case r.others == 1:
		about += " and 1 other"
	case r.others > 1:
		about += fmt.Sprintf(" and %d others", r.others)
	}
	i := Issue{
		Code: "bad_" + r.kind, Severity: Warning, About: about, What: fmt.Sprintf("Its %s is bad: %s.", r.field, r.what),
		Breaks: "It opens nothing.", Do: "Correct it, or restore what it refers to.",
	}
	switch {
	case r.kind == "member" && strings.HasPrefix(r.field, "memberships"):
		i.Breaks = "That membership opens nothing."
	case r.kind == "member":
		i.Breaks = "The member is denied at every door."
	case r.kind == "reservation" && strings.HasPrefix(r.what, "no "):
		i.Severity, i.Breaks, i.Do = Note, "It opens nothing, and storage.Export leaves it out.", "Delete it, or restore what it refers to."
	case r.kind == "reservation":
		i.Breaks = "It opens nothing. If buffers are clipped, the other reservations of its resource lose their buffers."
	}
	return i
}

// grantsAndMembers reports grants that open nothing.
func (e *examination) grantsAndMembers(ctx context.Context) {
	for _, g := range e.grants {
		if !g.Until.IsZero() && !e.now.Before(g.Until) {
			continue
		}
		m, err := e.d.Members.Member(ctx, e.g.site, g.Member)
		switch {
		case errors.Is(err, ErrNotFound):
			e.report(Issue{
				Code: "grant_without_member", Severity: Note, About: "grant " + g.ID, What: "Its member does not exist.",
				Breaks: "It opens nothing, and storage.Export leaves it out.", Do: "Delete the grant, or add the member.",
			})
		case err != nil:
			e.unchecked("members", err)
			return
		case (g.RequiresMembership == nil || *g.RequiresMembership) && !slices.ContainsFunc(m.Memberships, func(s access.Membership) bool {
			return !s.Paused && (s.Until.IsZero() || e.now.Before(s.Until))
		}):
			e.report(Issue{
				Code: "grant_without_membership", Severity: Warning, About: "grant " + g.ID,
				What:   "It requires an active membership, and its member has none.",
				Breaks: "The member finds a locked door.", Do: "Give the member a membership, or set requires_membership of the grant to false.",
			})
		}
	}
}
