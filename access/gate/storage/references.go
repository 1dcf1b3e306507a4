package storage

import (
	"errors"
	"fmt"
)

// Kind is a kind of fact that others refer to.
type Kind string

// The kinds of facts that others refer to.
const (
	KindDoor     Kind = "door"
	KindType     Kind = "membership type"
	KindResource Kind = "resource"
	KindMember   Kind = "member"
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
func CheckReferences[F Rules | Grant | Member | Reservation](fact F, stored func() (F, error),
	missing func(kind Kind, ids []string) ([]string, error)) error {
	refs, version := referencesOf(&fact)
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
	if len(gone) > 0 && version > 0 {
		old, err := stored()
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		refs, _ := referencesOf(&old)
		for _, r := range refs {
			delete(gone, reference{Kind: r.Kind, ID: r.ID})
		}
	}
	var c factCheck
	for _, r := range refs {
		c.bad(gone[reference{Kind: r.Kind, ID: r.ID}], r.Path, fmt.Sprintf("no %s %q", r.Kind, r.ID))
	}
	return c.err()
}

func referencesOf(fact any) (refs []reference, version uint64) {
	switch f := fact.(type) {
	case *Rules:
		return f.references(), f.Version
	case *Grant:
		return f.references(), f.Version
	case *Member:
		return f.references(), f.Version
	case *Reservation:
		return f.references(), f.Version
	}
	return nil, 0
}

func (r *Rules) references() (list []reference) {
	for i, t := range r.MembershipTypes {
		for j, d := range t.Doors {
			list = append(list, reference{KindDoor, d.Door, fmt.Sprintf("membership_types[%d].doors[%d].door", i, j)})
		}
	}
	for i, x := range r.Resources {
		for j, d := range x.Doors {
			list = append(list, reference{KindDoor, d, fmt.Sprintf("resources[%d].doors[%d]", i, j)})
		}
	}
	for i, e := range r.Exceptions {
		for j, d := range e.Doors {
			list = append(list, reference{KindDoor, d, fmt.Sprintf("exceptions[%d].doors[%d]", i, j)})
		}
	}
	for i, c := range r.Closures {
		for j, d := range c.Doors {
			list = append(list, reference{KindDoor, d, fmt.Sprintf("closures[%d].doors[%d]", i, j)})
		}
	}
	return list
}

func (g *Grant) references() []reference {
	return []reference{{KindMember, g.Member, "member"}, {KindDoor, g.Door, "door"}}
}

func (m *Member) references() (list []reference) {
	for i, s := range m.Memberships {
		list = append(list, reference{KindType, s.Type, fmt.Sprintf("memberships[%d].type", i)})
	}
	return list
}

func (r *Reservation) references() []reference {
	list := []reference{{KindResource, r.Resource, "resource"}, {KindMember, r.Member, "member"}}
	for i, id := range r.Guests {
		list = append(list, reference{KindMember, id, fmt.Sprintf("guests[%d]", i)})
	}
	return list
}
