package storage

import (
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// leaveOutDangling removes what refers to something that no longer exists, such as the
// old bookings of a member who was deleted: access.Compile refuses it, so Import could
// not accept the document. LeftOut names what was removed.
func (d *Document) leaveOutDangling() {
	f := &d.Facts
	doors := idsOf(f.Doors, func(x access.Door) string { return x.ID })
	types := idsOf(f.MembershipTypes, func(x access.MembershipType) string { return x.ID })
	members := idsOf(f.Members, func(x access.Member) string { return x.ID })
	resources := idsOf(f.Resources, func(x access.Resource) string { return x.ID })
	known := func(in, kind, id string, ids map[string]bool) bool {
		if !ids[id] {
			d.LeftOut = append(d.LeftOut, Fault{Field: in, What: fmt.Sprintf("no %s %q", kind, id)})
		}
		return ids[id]
	}
	knownDoors := func(in string, list []string) []string {
		return only(list, func(id string) bool { return known(in, "door", id, doors) })
	}

	for i, t := range f.MembershipTypes {
		in := fmt.Sprintf("membership type %q", t.ID)
		f.MembershipTypes[i].Doors = only(t.Doors, func(x access.DoorHours) bool { return known(in, "door", x.Door, doors) })
	}
	for i, r := range f.Resources {
		f.Resources[i].Doors = knownDoors(fmt.Sprintf("resource %q", r.ID), r.Doors)
	}
	// An exception or a closure without doors would apply to all doors.
	for i, x := range f.Exceptions {
		f.Exceptions[i].Doors = knownDoors(fmt.Sprintf("exception of %s", x.From), x.Doors)
	}
	f.Exceptions = only(f.Exceptions, func(x access.Exception) bool { return x.Doors == nil || len(x.Doors) > 0 })
	for i, x := range f.Closures {
		f.Closures[i].Doors = knownDoors("closure of "+x.From.UTC().Format(time.RFC3339), x.Doors)
	}
	f.Closures = only(f.Closures, func(x access.Closure) bool { return x.Doors == nil || len(x.Doors) > 0 })
	for i, m := range f.Members {
		in := fmt.Sprintf("member %q", m.ID)
		f.Members[i].Memberships = only(m.Memberships, func(x access.Membership) bool { return known(in, "membership type", x.Type, types) })
	}
	f.Grants = only(f.Grants, func(g access.Grant) bool {
		in := fmt.Sprintf("grant %q", g.ID)
		return known(in, "member", g.Member, members) && known(in, "door", g.Door, doors)
	})
	f.Reservations = only(f.Reservations, func(r reservation.Reservation) bool {
		in := fmt.Sprintf("reservation %q", r.ID)
		return known(in, "resource", r.Resource, resources) && known(in, "member", r.Member, members)
	})
	for i, r := range f.Reservations {
		in := fmt.Sprintf("reservation %q", r.ID)
		f.Reservations[i].Guests = only(r.Guests, func(id string) bool { return known(in, "member", id, members) })
	}
}

func idsOf[T any](list []T, id func(T) string) map[string]bool {
	ids := make(map[string]bool, len(list))
	for _, x := range list {
		ids[id(x)] = true
	}
	return ids
}

// only returns the elements of list for which keep returns true; nil stays nil.
func only[T any](list []T, keep func(T) bool) []T {
	if list == nil {
		return nil
	}
	kept := make([]T, 0, len(list))
	for _, x := range list {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	return kept
}
