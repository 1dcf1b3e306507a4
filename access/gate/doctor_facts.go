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

// examineFacts reports what is inconsistent in the facts of the site: what storage.Export
// leaves out, and what access.Compile refuses in the rest.
func (e *examination) examineFacts(ctx context.Context) error {
	doc, err := storage.Export(ctx, e.d.Readers, e.g.c.Site)
	switch {
	case errors.Is(err, ErrNotFound):
		e.report("unknown_site", "", e.g.c.Site)
		return nil
	case err != nil:
		return err
	}
	e.facts = doc.Facts
	var faults rowFaults
	for _, f := range doc.LeftOut {
		row := strings.ReplaceAll(f.Field, `"`, "")
		kind, _, _ := strings.Cut(row, " ")
		faults.add(row, rowFault{kind: kind, what: f.What, dangling: true})
	}
	_, err = access.Compile(doc.Facts)
	if bad, ok := errors.AsType[*access.FactsError](err); ok {
		for _, f := range bad.Faults {
			kind, row, field := rowOf(&doc.Facts, f.Path)
			faults.add(row, rowFault{kind: kind, field: field, what: f.What})
		}
	}
	for _, f := range faults {
		e.list = append(e.list, f.issue())
	}
	e.grantsWithoutMembership()
	e.doorUse()
	return nil
}

// rowOf returns the row of a person that a path in the facts is about, and the path
// within it. Anything else is of the kind "rules", and its row is the path.
func rowOf(f *access.Facts, path string) (kind, row, field string) {
	list, rest, _ := strings.Cut(path, "[")
	number, field, _ := strings.Cut(rest, "]")
	n, err := strconv.Atoi(number)
	field = strings.TrimPrefix(field, ".")
	switch {
	case err != nil:
	case list == "members":
		return "member", "member " + f.Members[n].ID, field
	case list == "grants":
		return "grant", "grant " + f.Grants[n].ID, field
	case list == "reservations":
		return "reservation", "reservation " + f.Reservations[n].ID, field
	}
	return "rules", path, ""
}

// rowFaults are the faults of rows. The same fault in several rows of one kind is one
// issue.
type rowFaults []*rowFault

type rowFault struct {
	kind        string // "member", "grant", "reservation", "rules", ...
	field, what string
	dangling    bool     // it refers to something that does not exist
	rows        []string // "member ada", or a path in the rules
}

func (r *rowFaults) add(row string, f rowFault) {
	i := slices.IndexFunc(*r, func(x *rowFault) bool { return x.kind == f.kind && x.what == f.what })
	if i < 0 {
		i, *r = len(*r), append(*r, &f)
	}
	(*r)[i].rows = append((*r)[i].rows, row)
}

func (f *rowFault) issue() Issue {
	rows := slices.Compact(f.rows)
	i := Issue{
		Code: "bad_" + f.kind, Severity: Warning, About: rows[0], What: fmt.Sprintf("%s: %s.", f.field, f.what),
		Breaks: "It opens nothing.", Do: "Correct it, or restore what it refers to.",
	}
	switch len(rows) {
	case 1:
	case 2:
		i.About += " and 1 other"
	default:
		i.About += fmt.Sprintf(" and %d others", len(rows)-1)
	}
	if f.dangling {
		i.What = fmt.Sprintf("It refers to something that does not exist: %s.", f.what)
	}
	switch {
	case f.kind == "rules":
		i.Severity, i.What, i.Breaks, i.Do = Critical, f.what+".", "No digital key opens any door.", "Correct the rules."
		if strings.HasPrefix(rows[0], "membership_types") || strings.HasPrefix(rows[0], "resources") {
			i.Breaks = "What it should open stays closed."
		}
	case strings.HasPrefix(f.what, "no door "):
		i.Code, i.Breaks = "rules_without_door", "Members who rely on it find a locked door."
		i.Do = "Link a lock as that door, or remove it from the rule."
	case f.kind == "member" && (f.dangling || strings.HasPrefix(f.field, "memberships")):
		i.Breaks = "That membership opens nothing."
	case f.kind == "member":
		i.Breaks = "The member is denied at every door."
	case f.kind == "grant" && f.dangling:
		i.Code, i.Severity, i.Do = "grant_without_member", Note, "Delete the grant, or add the member."
	case f.kind == "reservation" && f.dangling:
		i.Severity, i.Do = Note, "Delete it, or restore what it refers to."
	case f.kind == "reservation":
		i.Breaks = "It opens nothing. If buffers are clipped, the other reservations of its resource lose their buffers."
	}
	return i
}

// grantsWithoutMembership reports grants whose member lacks the membership that they
// require.
func (e *examination) grantsWithoutMembership() {
	active := map[string]bool{}
	for _, m := range e.facts.Members {
		active[m.ID] = slices.ContainsFunc(m.Memberships, func(s access.Membership) bool {
			return !s.Paused && (s.Until.IsZero() || e.now.Before(s.Until))
		})
	}
	for _, g := range e.facts.Grants {
		required := g.RequiresMembership == nil || *g.RequiresMembership
		if required && !active[g.Member] && !e.ended(g) {
			e.report("grant_without_membership", "grant "+g.ID)
		}
	}
}

// ended reports whether a grant is over.
func (e *examination) ended(g access.Grant) bool { return !g.Until.IsZero() && !e.now.Before(g.Until) }

// doorUse reports doors that do not open, and shared entrances that members may put
// into office mode.
func (e *examination) doorUse() {
	used, types := map[string]bool{}, map[string]int{}
	for _, t := range e.facts.MembershipTypes {
		for _, d := range t.Doors {
			used[d.Door] = true
			types[d.Door]++
		}
	}
	for _, r := range e.facts.Resources {
		for _, d := range r.Doors {
			used[d] = true
		}
	}
	for _, g := range e.facts.Grants {
		used[g.Door] = true
	}
	for _, d := range e.doors {
		switch {
		case d.Link.IsZero():
			e.report("not_linked", d.ID)
		case !used[d.ID]:
			e.report("door_without_rules", d.ID)
		}
		if d.AccessType == access.AccessAndOfficeMode && (types[d.ID] > 1 || looksLikeEntrance(d.Name)) {
			e.report("office_mode_on_entrance", d.ID)
		}
	}
}

func looksLikeEntrance(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"entrance", "front door", "main door", "lobby", "eingang", "haustür", "ingang", "entrée"},
		func(s string) bool { return strings.Contains(name, s) })
}
