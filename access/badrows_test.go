package access_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// A rowFault makes one row of a Question bad, if it can.
type rowFault struct {
	name  string
	apply func(q *access.Question, i int) (path string)
}

var longAgo = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)

// of makes a rowFault of a change of the row i of a list.
func of[T any](name, list string, rows func(q *access.Question) []T, change func(all []T, i int) bool) rowFault {
	return rowFault{list + ": " + name, func(q *access.Question, i int) string {
		all := rows(q)
		if i >= len(all) || !change(all, i) {
			return ""
		}
		return fmt.Sprintf("%s[", list)
	}}
}

// onRow changes one row.
func onRow[T any](change func(row *T)) func(all []T, i int) bool {
	return func(all []T, i int) bool { change(&all[i]); return true }
}

// onTwo changes a row after the likeness of another one.
func onTwo[T any](change func(row, other *T)) func(all []T, i int) bool {
	return func(all []T, i int) bool {
		if len(all) > 1 {
			change(&all[i], &all[(i+1)%len(all)])
		}
		return len(all) > 1
	}
}

func rowFaults() (all []rowFault) {
	memberships := func(q *access.Question) []access.Membership { return q.Member.Memberships }
	for name, change := range map[string]func(all []access.Membership, i int) bool{
		"no id":          onRow(func(m *access.Membership) { m.ID = "" }),
		"id twice":       onTwo(func(m, o *access.Membership) { m.ID = o.ID }),
		"unknown type":   onRow(func(m *access.Membership) { m.Type += " " }),
		"no type":        onRow(func(m *access.Membership) { m.Type = "" }),
		"backwards":      onRow(func(m *access.Membership) { m.From, m.Until = longAgo.AddDate(70, 0, 1), longAgo.AddDate(70, 0, 0) }),
		"too early":      onRow(func(m *access.Membership) { m.From = longAgo }),
		"too fine":       onRow(func(m *access.Membership) { m.Until = longAgo.AddDate(200, 0, 0).Add(1); m.From = time.Time{} }),
		"empty interval": onRow(func(m *access.Membership) { m.From, m.Until = longAgo.AddDate(70, 0, 0), longAgo.AddDate(70, 0, 0) }),
	} {
		all = append(all, of(name, "member.memberships", memberships, change))
	}
	grants := func(q *access.Question) []access.Grant { return q.Grants }
	for name, change := range map[string]func(all []access.Grant, i int) bool{
		"no id":     onRow(func(g *access.Grant) { g.ID = "" }),
		"id twice":  onTwo(func(g, o *access.Grant) { g.ID = o.ID }),
		"no member": onRow(func(g *access.Grant) { g.Member = "" }),
		"no door":   onRow(func(g *access.Grant) { g.Door = "" }),
		"no hours":  onRow(func(g *access.Grant) { g.Hours = access.Hours{} }),
		"both": onRow(func(g *access.Grant) {
			g.Hours = access.Hours{Always: true, Ranges: []access.Range{{Days: access.Days(access.Mon, access.Sun), From: 0, To: access.At(24, 0)}}}
		}),
		"no days":   onRow(func(g *access.Grant) { g.Hours = access.Weekly(access.Range{From: 0, To: 1}) }),
		"backwards": onRow(func(g *access.Grant) { g.From, g.Until = longAgo.AddDate(70, 0, 1), longAgo.AddDate(70, 0, 0) }),
		"too early": onRow(func(g *access.Grant) { g.From = longAgo }),
	} {
		all = append(all, of(name, "grants", grants, change))
	}
	types := func(q *access.Question) []access.MembershipType { return q.MembershipTypes }
	for name, change := range map[string]func(all []access.MembershipType, i int) bool{
		"id twice": onTwo(func(t, o *access.MembershipType) { t.ID = o.ID }),
		"bad hours": func(all []access.MembershipType, i int) bool {
			for j := range all[i].Doors {
				all[i].Doors[j].Hours = access.Hours{}
			}
			return len(all[i].Doors) > 0
		},
		"a door twice": func(all []access.MembershipType, i int) bool {
			all[i].Doors = append(all[i].Doors, all[i].Doors...)
			return len(all[i].Doors) > 0
		},
	} {
		all = append(all, of(name, "membership_types", types, change))
	}
	resources := func(q *access.Question) []access.Resource { return q.Resources }
	for name, change := range map[string]func(all []access.Resource, i int) bool{
		"no id":        onRow(func(r *access.Resource) { r.ID = "" }),
		"id twice":     onTwo(func(r, o *access.Resource) { r.ID = o.ID }),
		"a door twice": onRow(func(r *access.Resource) { r.Doors = append(r.Doors, r.Doors...) }),
		"bad buffer":   onRow(func(r *access.Resource) { r.Before = new(-time.Second) }),
		"long buffer":  onRow(func(r *access.Resource) { r.After = new(25 * time.Hour) }),
	} {
		all = append(all, of(name, "resources", resources, change))
	}
	reservations := func(q *access.Question) []reservation.Reservation { return q.Reservations }
	for name, change := range map[string]func(all []reservation.Reservation, i int) bool{
		"no id":            onRow(func(r *reservation.Reservation) { r.ID = "" }),
		"id twice":         onTwo(func(r, o *reservation.Reservation) { r.ID = o.ID }),
		"no resource":      onRow(func(r *reservation.Reservation) { r.Resource = "" }),
		"unknown resource": onRow(func(r *reservation.Reservation) { r.Resource = "R0" }),
		"no member":        onRow(func(r *reservation.Reservation) { r.Member = "" }),
		"no start":         onRow(func(r *reservation.Reservation) { r.Start = time.Time{} }),
		"no end":           onRow(func(r *reservation.Reservation) { r.End = time.Time{} }),
		"backwards":        onRow(func(r *reservation.Reservation) { r.Start, r.End = r.End, r.Start }),
		"odd early end":    onRow(func(r *reservation.Reservation) { r.EndedAt = longAgo }),
		"odd status":       onRow(func(r *reservation.Reservation) { r.Status = "gone" }),
		"odd guest":        onRow(func(r *reservation.Reservation) { r.Guests = append(slices.Clone(r.Guests), "") }),
		"guests twice": func(all []reservation.Reservation, i int) bool {
			all[i].Guests = append(slices.Clone(all[i].Guests), all[i].Guests...)
			return len(all[i].Guests) > 0
		},
	} {
		all = append(all, of(name, "reservations", reservations, change))
	}
	neighbors := func(q *access.Question) []access.Neighbor { return q.Neighbors }
	for name, change := range map[string]func(all []access.Neighbor, i int) bool{
		"no resource":      onRow(func(n *access.Neighbor) { n.Resource = "" }),
		"unknown resource": onRow(func(n *access.Neighbor) { n.Resource = "R0" }),
		"no booker":        onRow(func(n *access.Neighbor) { n.Booker = "" }),
		"no start":         onRow(func(n *access.Neighbor) { n.Start = time.Time{} }),
		"no end":           onRow(func(n *access.Neighbor) { n.End = time.Time{} }),
		"backwards":        onRow(func(n *access.Neighbor) { n.Start, n.End = n.End, n.Start }),
		"odd early end":    onRow(func(n *access.Neighbor) { n.EndedAt = longAgo }),
	} {
		all = append(all, of(name, "neighbors", neighbors, change))
	}
	return all
}

// cloneQuestion copies what a rowFault changes.
func cloneQuestion(q access.Question) access.Question {
	if q.Member != nil {
		m := *q.Member
		m.Memberships = slices.Clone(m.Memberships)
		q.Member = &m
	}
	q.MembershipTypes, q.Grants, q.Resources = slices.Clone(q.MembershipTypes), slices.Clone(q.Grants), slices.Clone(q.Resources)
	for i := range q.MembershipTypes {
		q.MembershipTypes[i].Doors = slices.Clone(q.MembershipTypes[i].Doors)
	}
	q.Reservations, q.Neighbors = slices.Clone(q.Reservations), slices.Clone(q.Neighbors)
	return q
}

// A bad row is named, and never gives access that the whole facts would not: not
// now, not longer, and not later on.
func TestBadRowsGiveNoAccess(t *testing.T) {
	tried, decided := map[string]int{}, map[bool]int{}
	list := rowFaults()
	trials(t, 150, func(t *testing.T, c trial, q access.Request) {
		question := deriveQuestion(c.facts, refRequest{Member: q.Member, Door: q.Door}, nil)
		if question.Member == nil || question.Door == nil {
			return
		}
		for _, s := range list {
			for i := range 4 {
				bad := cloneQuestion(question)
				path := s.apply(&bad, i)
				if path == "" {
					continue
				}
				tried[s.name]++
				got, err := access.Evaluate(bad, q)
				if err != nil {
					t.Fatalf("%s %d: %v", s.name, i, err)
				}
				named := slices.ContainsFunc(got.Faults(), func(f access.Fault) bool { return len(f.Path) > len(path) && f.Path[:len(path)] == path })
				if !named && path != "resources[" && path != "membership_types[" { // then a reference to it may be named in its place
					t.Errorf("%s %d is not named: %v", s.name, i, got.Faults())
				}
				decided[got.Allowed]++
				givesNoMore(t, fmt.Sprint(s.name, " ", i), c.policy, q, got)
			}
		}
	})
	for _, s := range list {
		if tried[s.name] == 0 {
			t.Errorf("%s was never tried", s.name)
		}
	}
	if decided[true] == 0 || decided[false] == 0 {
		t.Errorf("decisions: %v", decided)
	}
}

// givesNoMore checks that what a decision allows, the whole facts allow, and that its
// evidence is in order and without repeats.
func givesNoMore(t *testing.T, what string, whole *access.Policy, q access.Request, got access.Decision) {
	t.Helper()
	for _, list := range [][]string{got.Evidence().Memberships, got.Evidence().Grants, got.Evidence().Reservations} {
		if !slices.Equal(list, slices.Compact(slices.Sorted(slices.Values(list)))) {
			t.Errorf("%s: evidence %v", what, list)
		}
	}
	want := whole.Decide(q)
	if got.Allowed && (!want.Allowed || !want.ValidUntil.IsZero() && (got.ValidUntil.IsZero() || got.ValidUntil.After(want.ValidUntil))) {
		t.Errorf("%s: allowed by %s until %s; the whole facts: %v by %s until %s",
			what, got.Reason, got.ValidUntil, want.Allowed, want.Reason, want.ValidUntil)
	}
	if q.At = got.NextChange; !q.At.IsZero() && !whole.Decide(q).Allowed {
		t.Errorf("%s: opens at %s, and not with the whole facts", what, got.NextChange)
	}
}

// A row that is left out by a storage gives nothing either, but for what it cuts.
func TestMissingRowsGiveNoAccess(t *testing.T) {
	trials(t, 150, func(t *testing.T, c trial, q access.Request) {
		whole := deriveQuestion(c.facts, refRequest{Member: q.Member, Door: q.Door}, nil)
		if whole.Member == nil {
			return
		}
		drop := func(what string, n int, without func(o *access.Question, i int)) {
			for i := range n {
				o := cloneQuestion(whole)
				without(&o, i)
				got, err := access.Evaluate(o, q)
				if err != nil {
					t.Fatal(err)
				}
				givesNoMore(t, fmt.Sprint("without ", what, " ", i), c.policy, q, got)
			}
		}
		drop("membership", len(whole.Member.Memberships), func(o *access.Question, i int) {
			o.Member.Memberships = slices.Delete(o.Member.Memberships, i, i+1)
		})
		drop("type", len(whole.MembershipTypes), func(o *access.Question, i int) { o.MembershipTypes = slices.Delete(o.MembershipTypes, i, i+1) })
		drop("grant", len(whole.Grants), func(o *access.Question, i int) { o.Grants = slices.Delete(o.Grants, i, i+1) })
		drop("resource", len(whole.Resources), func(o *access.Question, i int) { o.Resources = slices.Delete(o.Resources, i, i+1) })
		if c.facts.Settings.Buffers != access.BuffersClip {
			drop("reservation", len(whole.Reservations), func(o *access.Question, i int) { o.Reservations = slices.Delete(o.Reservations, i, i+1) })
			drop("neighbor", len(whole.Neighbors), func(o *access.Question, i int) { o.Neighbors = slices.Delete(o.Neighbors, i, i+1) })
		}
	})
}

// What is not a row denies, without a reason; but a holder may lock.
func TestBadSiteDenies(t *testing.T) {
	for name, change := range map[string]func(q *access.Question){
		"time_zone":       func(q *access.Question) { q.TimeZone = "Mars/Olympus" },
		"settings.before": func(q *access.Question) { q.Settings.Before = new(-time.Second) },
		"settings.guests": func(q *access.Question) { q.Settings.Guests = "some" },
		"exceptions[0].to": func(q *access.Question) {
			q.Exceptions = []access.Exception{{From: access.Date{Year: 2026, Month: 1, Day: 1}, Closed: true}}
		},
		"closures[0].until": func(q *access.Question) { q.Closures = []access.Closure{{From: noon}} },
		"closures[0].doors": func(q *access.Question) {
			q.Closures = []access.Closure{{From: noon, Until: noon.Add(1e9), Doors: []string{}}}
		},
		"door.access_type": func(q *access.Question) { q.Door = &access.Door{ID: "front"} },
		"door.id":          func(q *access.Question) { q.Door = &access.Door{ID: "back", AccessType: access.AccessOnly} },
		"member.id":        func(q *access.Question) { q.Member = &access.Member{ID: "Ada"} },
		"member.standing.until": func(q *access.Question) {
			q.Member = &access.Member{ID: "ada", Standing: access.Standing{State: access.StandingGrace}}
		},
	} {
		facts := space()
		q := access.Question{
			Revision: "7", TimeZone: "UTC", Door: &facts.Doors[0], Member: &facts.Members[0], MembershipTypes: facts.MembershipTypes,
			Grants: []access.Grant{{ID: "g", Member: "ada", Door: "front", Hours: access.Always()}, {ID: "bad"}},
		}
		change(&q)
		r := access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon}
		d, err := access.Evaluate(q, r)
		paths := faultPaths(err)
		if d.Allowed || d.Reason != "" || d.Revision != "7" || !slices.Contains(paths, name) || !slices.Contains(paths, "grants[1].hours") {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if d.Message() == "" || len(d.Explain().Bases) > 0 {
			t.Errorf("%s: %q, %+v", name, d.Message(), d.Explain())
		}
		r.Action, r.Holding = access.Lock, true
		d, err = access.Evaluate(q, r)
		known := name != "door.id" && name != "member.id"
		if d.Allowed != known || (err == nil) != known || known && (d.Reason != access.ReasonHolder || len(d.Faults()) == 0) {
			t.Errorf("%s, a holder locks: %+v, %v", name, d, err)
		}
		if e := d.Evidence(); len(e.Memberships)+len(e.Grants)+len(e.Reservations) > 0 {
			t.Errorf("%s: evidence %v", name, e)
		}
	}
}

// Under clip a bad row takes the buffers of its resource, of every one if it names
// none that is known.
func TestBadRowTakesBuffers(t *testing.T) {
	facts := space()
	facts.Settings.Buffers = access.BuffersClip
	other := access.Resource{ID: "other", Doors: []string{"front"}}
	for name, c := range map[string]struct {
		bad  access.Neighbor
		open bool
	}{
		"of the resource":     {access.Neighbor{Resource: "room", Booker: "cyd", Start: noon}, false},
		"of another resource": {access.Neighbor{Resource: "other", Booker: "cyd", Start: noon}, true},
		"of an unknown one":   {access.Neighbor{Resource: "rooms", Booker: "cyd", Start: noon, End: noon.Add(time.Hour)}, false},
	} {
		q := access.Question{TimeZone: "UTC", Settings: facts.Settings, Door: &facts.Doors[0], Member: &facts.Members[1],
			Resources: append([]access.Resource{other}, facts.Resources...), Reservations: facts.Reservations, Neighbors: []access.Neighbor{c.bad}}
		r := access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon.Add(50 * time.Minute)}
		if d, err := access.Evaluate(q, r); err != nil || d.Allowed != c.open || len(d.Faults()) != 1 {
			t.Errorf("%s, in the buffer: %+v, %v, %v", name, d, d.Faults(), err)
		}
		r.At = noon.Add(time.Hour)
		if d, err := access.Evaluate(q, r); err != nil || !d.Allowed {
			t.Errorf("%s, in the reserved time: %+v, %v", name, d, err)
		}
	}
}

// Rows of an unknown member do not make Evaluate panic.
func TestBadRowsWithoutAMember(t *testing.T) {
	facts := space()
	facts.Settings.Guests = access.GuestsAdmitted
	bookings := slices.Clone(facts.Reservations)
	bookings[0].Guests = []string{"", "ada"}
	for _, buffers := range []access.Buffers{access.BuffersOverlap, access.BuffersClip} {
		facts.Settings.Buffers = buffers
		for _, door := range []*access.Door{nil, &facts.Doors[0]} {
			q := access.Question{
				TimeZone: "UTC", Settings: facts.Settings, Door: door, MembershipTypes: facts.MembershipTypes,
				Grants:    []access.Grant{{}},
				Resources: append(facts.Resources, access.Resource{Doors: []string{""}}), Reservations: bookings,
				Neighbors: []access.Neighbor{{}},
			}
			d, err := access.Evaluate(q, access.Request{Door: "front", Action: access.Unlock, At: noon})
			if err != nil || d.Allowed || len(d.Faults()) == 0 || d.Explain().String() == "" {
				t.Errorf("%+v, %v", d, err)
			}
		}
	}
}
