package storage

import (
	"cmp"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// RawFacts are the rows that a storage reads for one member. Snapshot and Snapshots
// combine them into questions, so that all storages do it in the same way.
type RawFacts struct {
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
	places := p.places()
	for _, r := range p.Rules.Resources {
		if slices.ContainsFunc(r.Doors, func(id string) bool { _, ok := places[id]; return ok }) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Snapshot returns what Facts.Load returns: the Snapshot of the only door, or one
// without a door.
func (p RawFacts) Snapshot() Snapshot {
	if list := p.Snapshots(); list != nil {
		return list[0]
	}
	return Snapshot{Question: p.shared()}
}

// Snapshots returns what Facts.LoadAll returns: one Snapshot per door.
func (p RawFacts) Snapshots() []Snapshot {
	if len(p.Doors) == 0 {
		return nil
	}
	slices.SortFunc(p.Reservations, func(a, b reservation.Reservation) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	list, shared := make([]Snapshot, len(p.Doors)), p.shared()
	for i := range p.Doors {
		list[i] = Snapshot{shared, p.Doors[i].Link}
		list[i].Question.Door = &p.Doors[i].Door
	}
	if p.Member != nil {
		p.share(list)
	}
	return list
}

// shared returns what the questions of all doors have in common.
func (p *RawFacts) shared() access.Question {
	return access.Question{
		Revision:        p.Rules.Revision,
		TimeZone:        p.Rules.Site.TimeZone,
		Settings:        p.Rules.Settings,
		Exceptions:      p.Rules.Exceptions,
		Closures:        p.Rules.Closures,
		Member:          p.Member,
		MembershipTypes: p.types(),
	}
}

// types returns the types of the member's memberships. A grant that requires a
// membership accepts any type.
func (p *RawFacts) types() []access.MembershipType {
	if p.Member == nil {
		return nil
	}
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

// share gives each door its grants, the resources that list it, with only this door in
// Doors, and their reservations. It reads all rows once for all doors.
func (p *RawFacts) share(list []Snapshot) {
	places := p.places()
	for _, g := range p.Grants {
		if i, ok := places[g.Door]; ok {
			q := &list[i].Question
			q.Grants = append(q.Grants, g)
		}
	}
	behind := map[string][]int{} // by resource: the places of its doors
	for _, r := range p.Rules.Resources {
		for _, id := range r.Doors {
			i, ok := places[id]
			if !ok || slices.Contains(behind[r.ID], i) {
				continue
			}
			behind[r.ID] = append(behind[r.ID], i)
			q := &list[i].Question
			q.Resources = append(q.Resources, access.Resource{ID: r.ID, Doors: []string{id}, Before: r.Before, After: r.After})
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

// places returns the index of each door by its id.
func (p *RawFacts) places() map[string]int {
	places := make(map[string]int, len(p.Doors))
	for i := range p.Doors {
		places[p.Doors[i].ID] = i
	}
	return places
}
