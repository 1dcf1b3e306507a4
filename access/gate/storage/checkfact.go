package storage

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// CheckFact returns a *RequestError that names everything in a fact that no storage
// accepts: an id or a site that is not 1 to 200 bytes, a text that is not UTF-8 or
// contains a NUL, an id that is twice in one list, a time of day or a date that does
// not exist, an instant outside the years 1970 to 9999. A storage calls it before
// each write, so that all storages refuse the same facts. References may be empty or
// name nothing; access.Evaluate decides what they mean.
func CheckFact[F Door | Rules | access.Grant | access.Member | reservation.Reservation](site string, fact F) error {
	var c factCheck
	switch f := any(fact).(type) {
	case Door:
		c.id("site", site)
		c.id("ID", f.ID)
		c.text("Name", f.Name)
		c.text("AccessType", string(f.AccessType))
		c.ref("Link.Site", f.Link.Site)
		c.ref("Link.Gateway", f.Link.Gateway)
		c.ref("Link.Lock", f.Link.Lock)
		c.text("Link.Name", f.Link.Name)
		c.text("Link.LinkedBy", f.Link.LinkedBy)
		c.instants(instant{"Link.LinkedAt", f.Link.LinkedAt})
	case Rules:
		c.rules(&f)
	case access.Grant:
		c.id("site", site)
		c.id("ID", f.ID)
		c.ref("Member", f.Member)
		c.ref("Door", f.Door)
		c.ranges("Hours.Ranges", f.Hours.Ranges)
		c.instants(instant{"From", f.From}, instant{"Until", f.Until})
	case access.Member:
		c.id("site", site)
		c.id("ID", f.ID)
		c.text("Standing.State", string(f.Standing.State))
		c.text("Standing.Reason", f.Standing.Reason)
		c.instants(instant{"Standing.Until", f.Standing.Until})
		for i, m := range f.Memberships {
			at := fmt.Sprintf("Memberships[%d].", i)
			c.id(at+"ID", m.ID)
			c.ref(at+"Type", m.Type)
			c.instants(instant{at + "From", m.From}, instant{at + "Until", m.Until})
		}
	case reservation.Reservation:
		c.id("site", site)
		c.id("ID", f.ID)
		c.ref("Resource", f.Resource)
		c.ref("Member", f.Member)
		c.text("Status", string(f.Status))
		c.bad(f.Start.IsZero(), "Start", "required")
		c.bad(f.End.IsZero(), "End", "required")
		c.instants(instant{"Start", f.Start}, instant{"End", f.End}, instant{"EndedAt", f.EndedAt})
	}
	if c.list != nil {
		return &RequestError{c.list}
	}
	return nil
}

// factCheck gathers faults.
type factCheck struct{ list []Fault }

func (c *factCheck) rules(r *Rules) {
	c.id("Site.ID", r.Site.ID)
	c.text("Revision", r.Revision)
	c.text("Site.Name", r.Site.Name)
	c.text("Site.TimeZone", r.Site.TimeZone)
	c.text("Settings.Buffers", string(r.Settings.Buffers))
	types := map[string]bool{}
	for i, t := range r.MembershipTypes {
		at := fmt.Sprintf("MembershipTypes[%d].", i)
		c.once(types, at+"ID", t.ID)
		for j, d := range t.Doors {
			in := fmt.Sprintf("%sDoors[%d].", at, j)
			c.id(in+"Door", d.Door)
			c.ranges(in+"Hours.Ranges", d.Hours.Ranges)
		}
	}
	resources := map[string]bool{}
	for i, x := range r.Resources {
		at := fmt.Sprintf("Resources[%d].", i)
		c.once(resources, at+"ID", x.ID)
		for j, d := range x.Doors {
			c.id(fmt.Sprintf("%sDoors[%d]", at, j), d)
		}
	}
	for i, e := range r.Exceptions {
		at := fmt.Sprintf("Exceptions[%d].", i)
		for _, d := range []struct {
			field string
			access.Date
		}{{"From", e.From}, {"To", e.To}} {
			_, err := access.ParseDate(d.String())
			c.bad(err != nil, at+d.field, "there is no such date")
		}
		c.ranges(at+"Hours", e.Hours)
	}
}

func (c *factCheck) bad(is bool, field, what string) {
	if is {
		c.list = append(c.list, Fault{field, what})
	}
}

func (c *factCheck) id(field, s string) { c.bad(!ValidID(s), field, invalidID) }

func (c *factCheck) ref(field, s string) { c.bad(s != "" && !ValidID(s), field, invalidID) }

func (c *factCheck) text(field, s string) {
	c.bad(!ValidText(s), field, "must be valid UTF-8 without NUL")
}

func (c *factCheck) once(seen map[string]bool, field, id string) {
	c.id(field, id)
	c.bad(seen[id], field, "the id is in its list already")
	seen[id] = true
}

func (c *factCheck) ranges(field string, list []access.Range) {
	for i, r := range list {
		at := fmt.Sprintf("%s[%d].", field, i)
		for _, d := range r.Days {
			c.bad(d < access.Sun || d > access.Sat, at+"Days", "there is no such weekday")
		}
		for _, t := range []struct {
			field string
			clock access.Clock
		}{{"From", r.From}, {"To", r.To}} {
			_, err := access.ParseClock(t.clock.String())
			c.bad(err != nil, at+t.field, "there is no such time of day")
		}
	}
}

type instant struct {
	field string
	at    time.Time
}

func (c *factCheck) instants(list ...instant) {
	for _, i := range list {
		year := i.at.UTC().Year()
		c.bad(!i.at.IsZero() && (year < 1970 || year > 9999), i.field, "must be a year from 1970 to 9999")
	}
}

const invalidID = "must be 1 to 200 bytes of valid UTF-8 without NUL"

// ValidID reports whether s is a legal id: 1 to 200 bytes of valid UTF-8 without NUL.
func ValidID(s string) bool { return s != "" && len(s) <= 200 && ValidText(s) }

// ValidText reports whether every storage keeps s as it is: valid UTF-8 without
// NUL.
func ValidText(s string) bool {
	for i := range len(s) { // mostly short and ASCII, where this is all
		if s[i]-1 >= utf8.RuneSelf-1 {
			return validNonASCII(s)
		}
	}
	return true
}

func validNonASCII(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
