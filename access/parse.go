package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/doorkit/doorkit/reservation"
)

// ParseFacts reads one document of RULES.md, section 1, and refuses it whole
// with a [*FactsError] that names every fault, those that Compile would find
// among them. encoding/json alone would stop at the first fault, ignore case
// and accept repeated keys, so the tokens are walked against the shape.
func ParseFacts(data []byte) (Facts, error) {
	p := &parser{faults: &faults{}}
	f := p.document(data)
	if p.err == nil {
		check(&f, p.faults)
	}
	if err := p.faults.err(); err != nil {
		return Facts{}, err
	}
	return f, nil
}

// UnmarshalJSON is [ParseFacts]: as strict when Facts are part of something else.
func (f *Facts) UnmarshalJSON(data []byte) error {
	parsed, err := ParseFacts(data)
	if err == nil {
		*f = parsed
	}
	return err
}

// The keys of each object, in the order of RULES.md.
var (
	factsKeys       = []string{"revision", "site", "settings", "doors", "membership_types", "members", "grants", "resources", "reservations", "exceptions"}
	siteKeys        = []string{"id", "name", "time_zone"}
	settingsKeys    = []string{"before", "after", "open_time", "buffers", "reservations_require_standing"}
	doorKeys        = []string{"id", "name", "access_type", "disabled", "open_time"}
	typeKeys        = []string{"id", "doors"}
	doorHoursKeys   = []string{"door", "hours"}
	rangeKeys       = []string{"days", "from", "to"}
	memberKeys      = []string{"id", "standing", "memberships"}
	standingKeys    = []string{"state", "until", "reason"}
	membershipKeys  = []string{"id", "type", "from", "until", "paused"}
	grantKeys       = []string{"id", "member", "door", "hours", "from", "until", "requires_membership", "requires_standing"}
	resourceKeys    = []string{"id", "doors"}
	reservationKeys = []string{"id", "resource", "member", "start", "end", "ended_at", "status"}
	exceptionKeys   = []string{"from", "to", "hours"}
)

func (p *parser) document(data []byte) (f Facts) {
	if !utf8.Valid(data) {
		p.err = errors.New("not UTF-8")
		p.faults.add(wholeDocument, "not UTF-8")
		return f
	}
	p.dec = json.NewDecoder(bytes.NewReader(data))
	p.dec.UseNumber()
	p.object(factsKeys, func(key string) {
		switch key {
		case "revision":
			f.Revision = p.text()
		case "site":
			p.object(siteKeys, func(key string) {
				switch key {
				case "id":
					f.Site.ID = p.text()
				case "name":
					f.Site.Name = p.text()
				case "time_zone":
					f.Site.TimeZone = p.text()
				}
			})
		case "settings":
			f.Settings = p.settings()
		case "doors":
			f.Doors = list(p, p.door)
		case "membership_types":
			f.MembershipTypes = list(p, p.membershipType)
		case "members":
			f.Members = list(p, p.member)
		case "grants":
			f.Grants = list(p, p.grant)
		case "resources":
			f.Resources = list(p, p.resource)
		case "reservations":
			f.Reservations = list(p, p.reservation)
		case "exceptions":
			f.Exceptions = list(p, p.exception)
		}
	})
	if p.err == nil {
		if _, err := p.dec.Token(); err != io.EOF {
			p.faults.add(wholeDocument, "there is more after the end of the facts")
		}
	}
	return f
}

func (p *parser) settings() (s Settings) {
	p.object(settingsKeys, func(key string) {
		switch key {
		case "before":
			s.Before = p.duration()
		case "after":
			s.After = p.duration()
		case "open_time":
			s.OpenTime = p.duration()
		case "buffers":
			s.Buffers = Buffers(p.enum())
		case "reservations_require_standing":
			s.ReservationsRequireStanding = p.flag()
		}
	})
	return s
}

func (p *parser) door() (d Door) {
	p.object(doorKeys, func(key string) {
		switch key {
		case "id":
			d.ID = p.text()
		case "name":
			d.Name = p.text()
		case "access_type":
			d.AccessType = AccessType(p.text())
		case "disabled":
			d.Disabled = isTrue(p.flag())
		case "open_time":
			d.OpenTime = p.duration()
		}
	})
	return d
}

func (p *parser) membershipType() (t MembershipType) {
	p.object(typeKeys, func(key string) {
		switch key {
		case "id":
			t.ID = p.text()
		case "doors":
			t.Doors = list(p, func() (d DoorHours) {
				p.object(doorHoursKeys, func(key string) {
					switch key {
					case "door":
						d.Door = p.text()
					case "hours":
						d.Hours = p.hours()
					}
				})
				return d
			})
		}
	})
	return t
}

func (p *parser) member() (m Member) {
	p.object(memberKeys, func(key string) {
		switch key {
		case "id":
			m.ID = p.text()
		case "standing":
			p.object(standingKeys, func(key string) {
				switch key {
				case "state":
					m.Standing.State = StandingState(p.enum())
				case "until":
					m.Standing.Until = p.instant(optional)
				case "reason":
					m.Standing.Reason = p.text()
				}
			})
		case "memberships":
			m.Memberships = list(p, p.membership)
		}
	})
	return m
}

func (p *parser) membership() (m Membership) {
	p.object(membershipKeys, func(key string) {
		switch key {
		case "id":
			m.ID = p.text()
		case "type":
			m.Type = p.text()
		case "from":
			m.From = p.instant(optional)
		case "until":
			m.Until = p.instant(optional)
		case "paused":
			m.Paused = isTrue(p.flag())
		}
	})
	return m
}

func (p *parser) grant() (g Grant) {
	p.object(grantKeys, func(key string) {
		switch key {
		case "id":
			g.ID = p.text()
		case "member":
			g.Member = p.text()
		case "door":
			g.Door = p.text()
		case "hours":
			g.Hours = p.hours()
		case "from":
			g.From = p.instant(optional)
		case "until":
			g.Until = p.instant(optional)
		case "requires_membership":
			g.RequiresMembership = p.flag()
		case "requires_standing":
			g.RequiresStanding = p.flag()
		}
	})
	return g
}

func (p *parser) resource() (r Resource) {
	p.object(resourceKeys, func(key string) {
		switch key {
		case "id":
			r.ID = p.text()
		case "doors":
			r.Doors = list(p, p.text)
		}
	})
	return r
}

func (p *parser) reservation() (r reservation.Reservation) {
	p.object(reservationKeys, func(key string) {
		switch key {
		case "id":
			r.ID = p.text()
		case "resource":
			r.Resource = p.text()
		case "member":
			r.Member = p.text()
		case "start":
			r.Start = p.instant(required)
		case "end":
			r.End = p.instant(required)
		case "ended_at":
			r.EndedAt = p.instant(optional)
		case "status":
			r.Status = reservation.Status(p.enum())
		}
	})
	return r
}

func (p *parser) exception() (e Exception) {
	p.object(exceptionKeys, func(key string) {
		switch key {
		case "from":
			e.From = p.date()
		case "to":
			e.To = p.date()
		case "hours":
			if p.peekArray() {
				e.Hours = list(p, p.exceptionRange)
			} else if s, ok := p.textOr("a list of ranges or \"closed\""); ok {
				if e.Closed = s == "closed"; !e.Closed {
					p.fault("%q is neither \"closed\" nor a list of ranges", s)
				}
			}
		}
	})
	return e
}

func (p *parser) hours() (h Hours) {
	if p.peekArray() {
		h.Ranges = list(p, p.weeklyRange)
	} else if s, ok := p.textOr("a list of ranges or \"always\""); ok {
		if h.Always = s == "always"; !h.Always {
			p.fault("%q is neither \"always\" nor a list of ranges", s)
		}
	}
	return h
}

func (p *parser) weeklyRange() Range    { return p.rangeWith(p.days) }
func (p *parser) exceptionRange() Range { return p.rangeWith(p.noDays) }

func (p *parser) rangeWith(days func() []Day) Range {
	r := Range{From: missing, To: missing}
	p.object(rangeKeys, func(key string) {
		switch key {
		case "days":
			r.Days = days()
		case "from":
			r.From = p.clock()
		case "to":
			r.To = p.clock()
		}
	})
	return r
}

func (p *parser) days() []Day {
	return list(p, func() Day {
		s, ok := p.textOr("the name of a day")
		if !ok {
			return missing
		}
		day := slices.Index(dayNames[:], s)
		if day < 0 {
			p.fault("%q is not a day: mon, tue, wed, thu, fri, sat or sun", s)
		}
		return Day(day)
	})
}

// noDays skips the days of an exception's range; check would not see an empty
// list.
func (p *parser) noDays() []Day {
	p.fault("%s", daysInException)
	p.skip()
	return nil
}
