package storage

import (
	"errors"
	"fmt"
)

// reference is a reference of one fact to another.
type reference struct {
	Kind Kind
	ID   string
	Path string // where in the JSON of the fact: "memberships[0].type"
}

// CheckReferences returns a *RequestError if fact refers to something that does not
// exist. missing returns the ids that do not exist; none if the store keeps nothing of
// the kind for the site (for types and resources: no rules). A reference that the
// stored row already has is accepted: blocking a member, or canceling a booking, must
// not fail because something else was removed. stored reads that row; it is not called
// for a new one. A storage calls CheckReferences inside the commit of a write.
func CheckReferences[F Fact](fact F, stored func() (F, error),
	missing func(kind Kind, ids []string) ([]string, error)) error {
	refs := references(&fact)
	ids, gone := map[Kind][]string{}, map[reference]bool{}
	for _, r := range refs {
		if at := (reference{Kind: r.Kind, ID: r.ID}); !gone[at] {
			gone[at] = true
			ids[r.Kind] = append(ids[r.Kind], r.ID)
		}
	}
	clear(gone)
	for kind, list := range ids {
		list, err := missing(kind, list)
		if err != nil {
			return err
		}
		for _, id := range list {
			gone[reference{Kind: kind, ID: id}] = true
		}
	}
	if _, _, version := RowOf(&fact); len(gone) > 0 && *version > 0 {
		old, err := stored()
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		for _, r := range references(&old) {
			delete(gone, reference{Kind: r.Kind, ID: r.ID})
		}
	}
	var c checker
	for _, r := range refs {
		c.require(!gone[reference{Kind: r.Kind, ID: r.ID}], r.Path, fmt.Sprintf("no %s %q", r.Kind, r.ID))
	}
	return c.err()
}

func references(fact any) (list []reference) {
	switch f := fact.(type) {
	case *Rules:
		return f.references()
	case *Grant:
		return []reference{{KindMember, f.Member, "member"}, {KindDoor, f.Door, "door"}}
	case *Member:
		for i, s := range f.Memberships {
			list = append(list, reference{KindType, s.Type, fmt.Sprintf("memberships[%d].type", i)})
		}
	case *Reservation:
		list = []reference{{KindResource, f.Resource, "resource"}, {KindMember, f.Member, "member"}}
		for i, id := range f.Guests {
			list = append(list, reference{KindMember, id, fmt.Sprintf("guests[%d]", i)})
		}
	}
	return list
}

func (r *Rules) references() (list []reference) {
	for i, t := range r.MembershipTypes {
		for j, d := range t.Doors {
			list = append(list, reference{KindDoor, d.Door, fmt.Sprintf("membership_types[%d].doors[%d].door", i, j)})
		}
	}
	doors := func(in string, i int, ids []string) {
		for j, id := range ids {
			list = append(list, reference{KindDoor, id, fmt.Sprintf("%s[%d].doors[%d]", in, i, j)})
		}
	}
	for i, x := range r.Resources {
		doors("resources", i, x.Doors)
	}
	for i, x := range r.Exceptions {
		doors("exceptions", i, x.Doors)
	}
	for i, x := range r.Closures {
		doors("closures", i, x.Doors)
	}
	return list
}
