package storage

import (
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
)

// reference is a reference of one fact to another.
type reference struct {
	target
	Path string // where in the JSON of the fact: "memberships[0].type"
	Row  string // the row that contains it: `member "ada"`
}

type target struct {
	Kind Kind
	ID   string
}

func (t target) missing() string { return fmt.Sprintf("no %s %q", t.Kind, t.ID) }

// CheckReferences returns a *RequestError if fact refers to something that does not
// exist. missing returns the ids that do not exist; none if the store keeps nothing of
// the kind for the site (for types and resources: no rules). A reference that the
// stored row already has is accepted: blocking a member, or canceling a booking, must
// not fail because something else was removed. stored reads that row; it is not called
// for a new one. A storage calls CheckReferences inside the commit of a write.
func CheckReferences[F Fact](fact F, stored func() (F, error),
	missing func(kind Kind, ids []string) ([]string, error)) error {
	refs := references(fact)
	ids, seen, gone := map[Kind][]string{}, map[target]bool{}, map[target]bool{}
	for _, r := range refs {
		if !seen[r.target] {
			seen[r.target] = true
			ids[r.Kind] = append(ids[r.Kind], r.ID)
		}
	}
	for kind, list := range ids {
		list, err := missing(kind, list)
		if err != nil {
			return err
		}
		for _, id := range list {
			gone[target{kind, id}] = true
		}
	}
	if _, _, version := RowOf(&fact); len(gone) > 0 && *version > 0 {
		old, err := stored()
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		for _, r := range references(old) {
			delete(gone, r.target)
		}
	}
	var c checker
	for _, r := range refs {
		c.require(!gone[r.target], r.Path, r.missing())
	}
	return c.err()
}

// references returns the references of a fact.
func references[F Fact](fact F) (list []reference) {
	keepReferences(&fact, func(r reference) bool {
		list = append(list, r)
		return true
	})
	return list
}

// keepReferences removes from a fact what refers to something that keep refuses. It
// returns false if the fact cannot exist without it. It writes to no slice of the fact.
func keepReferences[F Fact](fact *F, keep func(reference) bool) bool {
	kind, id, _ := RowOf(fact)
	row := fmt.Sprintf("%s %q", kind, id)
	refers := func(kind Kind, id, path string) bool { return keep(reference{target{kind, id}, path, row}) }
	switch f := any(fact).(type) {
	case *Rules:
		f.keepDoors(keep)
	case *Grant:
		return refers(KindMember, f.Member, "member") && refers(KindDoor, f.Door, "door")
	case *Member:
		f.Memberships = only(f.Memberships, func(i int, m *access.Membership) bool {
			return refers(KindType, m.Type, fmt.Sprintf("memberships[%d].type", i))
		})
	case *Reservation:
		if !refers(KindResource, f.Resource, "resource") || !refers(KindMember, f.Member, "member") {
			return false
		}
		f.Guests = only(f.Guests, func(i int, id *string) bool { return refers(KindMember, *id, fmt.Sprintf("guests[%d]", i)) })
	}
	return true
}

// keepDoors is keepReferences for the rules, which refer to doors. An exception or a
// closure without doors would apply to all doors.
func (r *Rules) keepDoors(keep func(reference) bool) {
	doors := func(row, path string, ids []string) []string {
		return only(ids, func(i int, id *string) bool {
			return keep(reference{target{KindDoor, *id}, fmt.Sprintf("%s.doors[%d]", path, i), row})
		})
	}
	r.MembershipTypes = only(r.MembershipTypes, func(i int, t *access.MembershipType) bool {
		t.Doors = only(t.Doors, func(j int, d *access.DoorHours) bool {
			path := fmt.Sprintf("membership_types[%d].doors[%d].door", i, j)
			return keep(reference{target{KindDoor, d.Door}, path, fmt.Sprintf("membership type %q", t.ID)})
		})
		return true
	})
	r.Resources = only(r.Resources, func(i int, x *access.Resource) bool {
		x.Doors = doors(fmt.Sprintf("resource %q", x.ID), fmt.Sprintf("resources[%d]", i), x.Doors)
		return true
	})
	r.Exceptions = only(r.Exceptions, func(i int, x *access.Exception) bool {
		x.Doors = doors(fmt.Sprintf("exception of %s", x.From), fmt.Sprintf("exceptions[%d]", i), x.Doors)
		return x.Doors == nil || len(x.Doors) > 0
	})
	r.Closures = only(r.Closures, func(i int, x *access.Closure) bool {
		x.Doors = doors("closure of "+x.From.UTC().Format(time.RFC3339), fmt.Sprintf("closures[%d]", i), x.Doors)
		return x.Doors == nil || len(x.Doors) > 0
	})
}

// only returns the elements of list for which keep returns true; nil stays nil.
func only[T any](list []T, keep func(i int, x *T) bool) []T {
	if list == nil {
		return nil
	}
	kept := make([]T, 0, len(list))
	for i, x := range list {
		if keep(i, &x) {
			kept = append(kept, x)
		}
	}
	return kept
}
