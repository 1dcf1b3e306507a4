package storage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// Normalize returns a fact as a storage keeps it: instants in UTC, truncated to
// microseconds. It refuses, with a *RequestError that names every fault by its path in
// the JSON of the fact ("memberships[0].until"), what access.Compile would refuse of
// this fact alone, and what not every storage can keep: an id or a site longer than 200
// bytes, a text that is not valid UTF-8 or contains a NUL. A storage calls it before
// each write, so that all storages refuse the same facts.
func Normalize[F Fact](site string, fact F) (F, error) {
	c := factCheck{}
	var err error
	switch f := any(&fact).(type) {
	case *Door:
		c.id("site", site)
		f.Link.LinkedAt = micro(f.Link.LinkedAt)
		c.compile(access.Facts{Doors: []access.Door{f.Door}}, "doors[0].")
		if c.door(f); f.Link.IsZero() {
			f.Link = Link{}
		}
	case *Rules:
		f.Closures = slices.Clone(f.Closures)
		for i := range f.Closures {
			x := &f.Closures[i]
			x.From, x.Until = micro(x.From), micro(x.Until)
		}
		c.compile(f.facts(), "")
		c.rules(f)
	case *Grant:
		c.id("site", site)
		f.From, f.Until = micro(f.From), micro(f.Until)
		c.compile(access.Facts{
			Doors: stubDoors(f.Door), Members: []access.Member{{ID: f.Member}}, Grants: []access.Grant{f.Grant},
		}, "grants[0].")
		c.id("id", f.ID)
		c.id("member", f.Member)
		c.id("door", f.Door)
	case *Member:
		c.id("site", site)
		f.Standing.Until = micro(f.Standing.Until)
		f.Memberships = slices.Clone(f.Memberships)
		facts := access.Facts{Members: []access.Member{f.Member}}
		for i := range f.Memberships {
			m := &f.Memberships[i]
			m.From, m.Until = micro(m.From), micro(m.Until)
			facts.MembershipTypes = append(facts.MembershipTypes, access.MembershipType{ID: m.Type})
		}
		facts.MembershipTypes = distinct(facts.MembershipTypes, func(t access.MembershipType) string { return t.ID })
		c.compile(facts, "members[0].")
		c.member(f)
	case *Reservation:
		c.id("site", site)
		f.Start, f.End, f.EndedAt = micro(f.Start), micro(f.End), micro(f.EndedAt)
		facts := access.Facts{
			Members: []access.Member{{ID: f.Member}}, Resources: []access.Resource{{ID: f.Resource}},
			Reservations: []reservation.Reservation{f.Reservation},
		}
		for _, id := range f.Guests {
			facts.Members = append(facts.Members, access.Member{ID: id})
		}
		facts.Members = distinct(facts.Members, func(m access.Member) string { return m.ID })
		c.compile(facts, "reservations[0].")
		c.id("id", f.ID)
		c.id("resource", f.Resource)
		c.id("member", f.Member)
		for i, id := range f.Guests {
			c.id(fmt.Sprintf("guests[%d]", i), id)
		}
	}
	if err = c.err(); err != nil {
		var none F
		return none, err
	}
	return fact, nil
}

// micro truncates an instant to microseconds. Databases do not keep finer instants, and
// the rules refuse them.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond).UTC()
}

// facts returns the rules with a stub for each door that they name.
func (r *Rules) facts() access.Facts {
	var ids []string
	for _, ref := range r.references() {
		ids = append(ids, ref.ID)
	}
	return access.Facts{
		Revision: r.Revision, Site: r.Site, Settings: r.Settings, Doors: stubDoors(ids...),
		MembershipTypes: r.MembershipTypes, Resources: r.Resources, Exceptions: r.Exceptions, Closures: r.Closures,
	}
}

func stubDoors(ids ...string) (list []access.Door) {
	for _, id := range ids {
		list = append(list, access.Door{ID: id, AccessType: access.AccessOnly})
	}
	return distinct(list, func(d access.Door) string { return d.ID })
}

// distinct removes elements without an id and elements with the id of an earlier one.
func distinct[T any](list []T, id func(T) string) []T {
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(list, func(v T) bool {
		again := seen[id(v)]
		seen[id(v)] = true
		return again
	})
}

// factCheck gathers faults, one per path.
type factCheck struct{ list []Fault }

// compile adds what access.Compile refuses below prefix. If prefix is not empty, it
// adds a site, which access.Compile requires.
func (c *factCheck) compile(f access.Facts, prefix string) {
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

func (c *factCheck) door(d *Door) {
	c.id("id", d.ID)
	c.text("name", d.Name)
	c.ref("link.site", d.Link.Site)
	c.ref("link.gateway", d.Link.Gateway)
	c.ref("link.lock", d.Link.Lock)
	c.text("link.name", d.Link.Name)
	c.text("link.linked_by", d.Link.LinkedBy)
	year := d.Link.LinkedAt.Year()
	c.bad(!d.Link.LinkedAt.IsZero() && (year < 1970 || year > 9999), "link.linked_at", "must be a year from 1970 to 9999")
}

func (c *factCheck) member(m *Member) {
	c.id("id", m.ID)
	c.text("standing.reason", m.Standing.Reason)
	for i, s := range m.Memberships {
		c.id(fmt.Sprintf("memberships[%d].id", i), s.ID)
		c.id(fmt.Sprintf("memberships[%d].type", i), s.Type)
	}
}

func (c *factCheck) rules(r *Rules) {
	c.id("site.id", r.Site.ID)
	c.text("revision", r.Revision)
	c.text("site.name", r.Site.Name)
	for i, x := range r.Closures {
		c.text(fmt.Sprintf("closures[%d].note", i), x.Note)
	}
	for i, t := range r.MembershipTypes {
		c.id(fmt.Sprintf("membership_types[%d].id", i), t.ID)
	}
	for i, x := range r.Resources {
		c.id(fmt.Sprintf("resources[%d].id", i), x.ID)
	}
	for _, ref := range r.references() {
		c.id(ref.Path, ref.ID)
	}
}

func (c *factCheck) add(field, what string) {
	if !slices.ContainsFunc(c.list, func(f Fault) bool { return f.Field == field }) {
		c.list = append(c.list, Fault{field, what})
	}
}

func (c *factCheck) bad(is bool, field, what string) {
	if is {
		c.add(field, what)
	}
}

func (c *factCheck) id(field, s string) { c.bad(!ValidID(s), field, invalidID) }

func (c *factCheck) ref(field, s string) { c.bad(s != "" && !ValidID(s), field, invalidID) }

func (c *factCheck) text(field, s string) { c.bad(!ValidText(s), field, invalidText) }

func (c *factCheck) err() error {
	if c.list != nil {
		return &RequestError{c.list}
	}
	return nil
}

const (
	invalidID   = "must be 1 to 200 bytes of valid UTF-8 without NUL"
	invalidText = "must be valid UTF-8 without NUL"
)

// ValidID reports whether s is a legal id: 1 to 200 bytes of valid UTF-8 without NUL.
func ValidID(s string) bool { return s != "" && len(s) <= 200 && ValidText(s) }

// ValidText reports whether every storage keeps s as it is: valid UTF-8 without
// NUL.
func ValidText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
