package storage

import (
	"errors"
	"reflect"
	"strings"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// Normalize returns a fact as a storage keeps it: instants in UTC, truncated to
// microseconds, and a copy that shares nothing with fact. It refuses, with a
// *RequestError that names every fault by its path in the JSON of the fact
// ("memberships[0].until"), what access.Compile would refuse of this fact alone, and what
// not every storage can keep: an id or a site longer than 200 bytes, a text that is not
// valid UTF-8 or contains a NUL. A storage calls it before each write, so that all
// storages refuse the same facts.
func Normalize[F Fact](site string, fact F) (F, error) {
	c := checker{fact: true}
	c.walk("", reflect.ValueOf(&fact).Elem())
	if kind, _, _ := RowOf(&fact); kind != KindSite {
		c.require(ValidID(site), "site", invalidID)
	}
	stubs := stubsOf(references(fact))
	switch f := any(&fact).(type) {
	case *Door:
		year := f.Link.LinkedAt.Year()
		c.require(f.Link.LinkedAt.IsZero() || year >= 1970 && year <= 9999, "link.linked_at", "must be a year from 1970 to 9999")
		if f.Link.IsZero() {
			f.Link = Link{}
		}
		stubs.Doors = []access.Door{f.Door}
		c.compile(stubs, "doors[0].")
	case *Rules:
		c.compile(f.facts(stubs), "")
	case *Grant:
		stubs.Grants = []access.Grant{f.Grant}
		c.compile(stubs, "grants[0].")
	case *Member:
		stubs.Members = []access.Member{f.Member}
		c.compile(stubs, "members[0].")
	case *Reservation:
		stubs.Reservations = []reservation.Reservation{f.Reservation}
		c.compile(stubs, "reservations[0].")
	}
	if err := c.err(); err != nil {
		var none F
		return none, err
	}
	return fact, nil
}

// Clone returns a copy of a fact that shares nothing with it.
func Clone[F Fact](fact F) F {
	c := checker{fact: true}
	c.walk("", reflect.ValueOf(&fact).Elem())
	return fact
}

// facts returns f with the rules.
func (r *Rules) facts(f access.Facts) access.Facts {
	f.Revision, f.Site, f.Settings = r.Revision, r.Site, r.Settings
	f.MembershipTypes, f.Resources, f.Exceptions, f.Closures = r.MembershipTypes, r.Resources, r.Exceptions, r.Closures
	return f
}

// stubsOf returns facts with a stub for each fact that is referred to.
func stubsOf(refs []reference) (f access.Facts) {
	seen := map[target]bool{}
	for _, r := range refs {
		if r.ID == "" || seen[r.target] {
			continue
		}
		seen[r.target] = true
		switch r.Kind {
		case KindDoor:
			f.Doors = append(f.Doors, access.Door{ID: r.ID, AccessType: access.AccessOnly})
		case KindType:
			f.MembershipTypes = append(f.MembershipTypes, access.MembershipType{ID: r.ID})
		case KindResource:
			f.Resources = append(f.Resources, access.Resource{ID: r.ID})
		case KindMember:
			f.Members = append(f.Members, access.Member{ID: r.ID})
		}
	}
	return f
}

// compile adds what access.Compile refuses below prefix. If prefix is not empty, it
// adds a site, which access.Compile requires.
func (c *checker) compile(f access.Facts, prefix string) {
	if prefix != "" {
		f.Site = access.Site{ID: "site", TimeZone: "UTC"}
	}
	_, err := access.Compile(f)
	bad, ok := errors.AsType[*access.FactsError](err)
	if !ok {
		return
	}
	for _, fault := range bad.Faults {
		if path, ok := strings.CutPrefix(fault.Path, prefix); ok && !(prefix == "" && strings.HasPrefix(path, "doors[")) {
			c.add(path, fault.What)
		}
	}
}
