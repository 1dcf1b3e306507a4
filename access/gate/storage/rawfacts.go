package storage

import (
	"cmp"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// RawFacts are the rows that a storage reads for one member. Snapshots combines them
// into questions, so that all storages do it in the same way.
type RawFacts struct {
	Query  FactsQuery
	Rules  Rules
	Doors  []Door         // the doors of the query; none if the door is unknown
	Member *access.Member // nil if unknown
	Grants []access.Grant // of this member
	// Reservations are those of the resources that list one of the doors: this
	// member's of every status, and the confirmed ones of others. Snapshots sorts
	// them by start, then id.
	Reservations []reservation.Reservation
}

// Resources returns the ids of the resources that list one of the doors: their
// reservations have to be read. It never returns nil.
func (p RawFacts) Resources() []string {
	ids := []string{}
	if len(p.Rules.Resources) == 0 {
		return ids
	}
	known := p.known()
	for _, r := range p.Rules.Resources {
		if slices.ContainsFunc(r.Doors, func(id string) bool { return known.place(id) >= 0 }) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Snapshots returns one Snapshot per door. If there is no door, it returns a single
// Snapshot without one.
func (p RawFacts) Snapshots() []Snapshot {
	slices.SortFunc(p.Reservations, func(a, b reservation.Reservation) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	shared := access.Question{
		Revision:   p.Rules.Revision,
		TimeZone:   p.Rules.Site.TimeZone,
		Settings:   p.Rules.Settings,
		Exceptions: p.Rules.Exceptions,
		Closures:   p.Rules.Closures,
		Member:     p.Member,
	}
	if p.Member != nil {
		shared.MembershipTypes = p.types()
	}
	if len(p.Doors) == 0 {
		return []Snapshot{{Question: shared}}
	}
	list := make([]Snapshot, len(p.Doors))
	for i := range p.Doors {
		s := &list[i]
		s.Question, s.Link = shared, p.Doors[i].Link
		s.Question.Door = &p.Doors[i].Door
	}
	if p.Member != nil {
		known := p.known()
		p.addGrants(list, &known)
		p.addResources(list, &known)
		p.addReservations(list, &known)
	}
	return list
}

// types returns the types of the member's memberships. A grant that requires a
// membership accepts any type.
func (p *RawFacts) types() []access.MembershipType {
	named := make(map[string]bool, len(p.Member.Memberships))
	for i := range p.Member.Memberships {
		named[p.Member.Memberships[i].Type] = true
	}
	list := make([]access.MembershipType, 0, len(named))
	for i := range p.Rules.MembershipTypes {
		if t := &p.Rules.MembershipTypes[i]; named[t.ID] {
			list = append(list, *t)
		}
	}
	return list
}

// addGrants gives each door its grants. Like addResources and addReservations, it reads
// its rows once for all doors.
func (p *RawFacts) addGrants(list []Snapshot, known *places) {
	for k := range p.Grants {
		g := &p.Grants[k]
		i := known.place(g.Door)
		if i < 0 {
			continue
		}
		if q := &list[i].Question; q.Grants == nil {
			q.Grants = p.Grants[k : k+1 : k+1] // without a copy: most doors have one
		} else {
			q.Grants = append(q.Grants, *g)
		}
	}
}

// addResources gives each door the resources that list it, with only this door in
// Doors.
func (p *RawFacts) addResources(list []Snapshot, known *places) {
	for _, r := range p.Rules.Resources {
		for _, id := range r.Doors {
			if i := known.place(id); i >= 0 {
				q := &list[i].Question
				q.Resources = append(q.Resources, access.Resource{ID: r.ID, Doors: []string{id}, Before: r.Before, After: r.After})
			}
		}
	}
}

func (p *RawFacts) addReservations(list []Snapshot, known *places) {
	if len(p.Reservations) == 0 {
		return
	}
	behind := map[string][]int{} // by resource: the indexes of its doors
	for _, r := range p.Rules.Resources {
		for _, id := range r.Doors {
			if i := known.place(id); i >= 0 && !slices.Contains(behind[r.ID], i) {
				behind[r.ID] = append(behind[r.ID], i)
			}
		}
	}
	for _, r := range p.Reservations {
		for _, i := range behind[r.Resource] {
			q := &list[i].Question
			switch {
			case r.Member == p.Member.ID, slices.Contains(r.Guests, p.Member.ID):
				q.Reservations = append(q.Reservations, r)
			case r.Status.OrDefault() == reservation.Confirmed:
				q.Neighbors = append(q.Neighbors, access.Neighbor{Resource: r.Resource, Booker: r.Member, Start: r.Start, End: r.End,
					EndedAt: r.EndedAt})
			}
		}
	}
}

// places finds the index of a door by its id. A short list is scanned.
type places struct {
	doors []Door
	byID  map[string]int
}

func (p *RawFacts) known() places {
	k := places{doors: p.Doors}
	if len(p.Doors) > 8 {
		k.byID = make(map[string]int, len(p.Doors))
		for i := range p.Doors {
			k.byID[p.Doors[i].ID] = i
		}
	}
	return k
}

// place returns the index of a door, or -1.
func (k *places) place(id string) int {
	if k.byID == nil {
		return slices.IndexFunc(k.doors, func(d Door) bool { return d.ID == id })
	}
	if i, ok := k.byID[id]; ok {
		return i
	}
	return -1
}
