package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
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

func (p *parser) clock() Clock {
	s, ok := p.textOr("a time of day, HH:MM")
	if !ok {
		return missing
	}
	c, err := ParseClock(s)
	if err != nil {
		p.fault("%v", err)
		return missing
	}
	return c
}

func (p *parser) date() (d Date) {
	if s, ok := p.textOr("a date, YYYY-MM-DD"); ok {
		var err error
		if d, err = ParseDate(s); err != nil {
			p.fault("%v", err)
		}
	}
	return d
}

func (p *parser) duration() *time.Duration {
	s, ok := p.textOr("a duration such as \"15m\"")
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		p.fault("%q is not a duration: write it as in 15m or 7s", s)
		return nil
	}
	return &d
}

// optional and required say whether null may stand for an absent instant.
const (
	optional = true
	required = false
)

func (p *parser) instant(null bool) (t time.Time) {
	tok := p.next()
	if tok == nil && null {
		return t
	}
	s, ok := tok.(string)
	if !ok {
		p.wrongKind(tok, "an instant")
		return t
	}
	t, err := ParseInstant(s)
	if err != nil {
		p.fault("%v", err)
	}
	return t
}

// enum reads a value of a set with a default: "" is not in it.
func (p *parser) enum() string {
	s, ok := p.textOr("a string")
	if ok && s == "" {
		p.fault("\"\" is not a value of it; leave it out for the default")
	}
	return s
}

func (p *parser) text() string {
	s, _ := p.textOr("a string")
	return s
}

func (p *parser) flag() *bool {
	tok := p.next()
	if b, ok := tok.(bool); ok {
		return &b
	}
	p.wrongKind(tok, "true or false")
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// parser walks the tokens of one document. After a syntax error err is set and
// every reader returns at once.
type parser struct {
	dec    *json.Decoder
	path   []byte // of the value being read
	peeked json.Token
	have   bool // peeked holds a token
	err    error
	faults *faults
}

// next returns the next token, or nil after an error: p.err tells it from null.
func (p *parser) next() json.Token {
	if p.have {
		p.have = false
		return p.peeked
	}
	if p.err != nil {
		return nil
	}
	tok, err := p.dec.Token()
	if err != nil {
		p.err = err
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errors.New("it ends in the middle")
		}
		p.faults.add(wholeDocument, fmt.Sprintf("not JSON, at byte %d: %v", p.dec.InputOffset(), strings.TrimPrefix(err.Error(), "json: ")))
		return nil
	}
	return tok
}

func (p *parser) peekArray() bool {
	p.peeked = p.next()
	p.have = p.err == nil
	return p.peeked == json.Delim('[')
}

// skip passes over one value.
func (p *parser) skip() { p.skipFrom(p.next()) }

func (p *parser) skipFrom(tok json.Token) {
	for depth := 0; p.err == nil; tok = p.next() {
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

func (p *parser) fault(format string, args ...any) {
	if p.err == nil {
		p.faults.add(string(p.path), fmt.Sprintf(format, args...))
	}
}

// wrongKind reports the value that starts with tok and passes over it: nothing
// inside it is looked at any more.
func (p *parser) wrongKind(tok json.Token, want string) {
	if p.err != nil {
		return
	}
	path := wholeDocument
	if len(p.path) > 0 {
		path = string(p.path)
	}
	p.faults.add(path, "want "+want+", not "+kindOf(tok))
	p.faults.broken = append(p.faults.broken, string(p.path))
	p.skipFrom(tok)
}

func kindOf(tok json.Token) string {
	switch v := tok.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "the number " + v.String()
	case string:
		return "the string " + strconv.Quote(v)
	case json.Delim:
		if v == '[' {
			return "a list"
		}
	}
	return "an object"
}

func (p *parser) textOr(want string) (string, bool) {
	tok := p.next()
	s, ok := tok.(string)
	if !ok {
		p.wrongKind(tok, want)
	}
	return s, ok
}

// object reads an object: read is called once for each known key and reads its
// value. Unknown and repeated keys are faults, and their values are passed over.
func (p *parser) object(keys []string, read func(key string)) {
	if tok := p.next(); tok != json.Delim('{') {
		p.wrongKind(tok, "an object")
		return
	}
	outer := len(p.path)
	for seen := uint(0); p.err == nil; p.path = p.path[:outer] {
		key, ok := p.next().(string)
		if !ok {
			return // the end of the object: the decoder lets nothing else stand here
		}
		p.path = appendKey(p.path, key)
		switch i := slices.Index(keys, key); {
		case i < 0:
			p.fault("unknown key; known here are %s", strings.Join(keys, ", "))
			p.skip()
		case seen&(1<<i) != 0:
			p.fault("this key stands here twice")
			p.skip()
		default:
			seen |= 1 << i
			read(key)
		}
	}
}

// list reads an array. An empty one is nil, as an absent one is.
func list[T any](p *parser, read func() T) (all []T) {
	if tok := p.next(); tok != json.Delim('[') {
		p.wrongKind(tok, "a list")
		return nil
	}
	outer := len(p.path)
	for i := 0; p.err == nil && p.dec.More(); i++ {
		p.path = append(strconv.AppendInt(append(p.path, '['), int64(i), 10), ']')
		all = append(all, read())
		p.path = p.path[:outer]
	}
	p.next()
	return all
}

// appendKey extends a path by a key; an odd one is quoted, so that a path is
// one line whatever the document holds.
func appendKey(path []byte, key string) []byte {
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`.:[]"`, r) }
	if key == "" || strings.ContainsFunc(key, odd) {
		return append(strconv.AppendQuote(append(path, '['), key), ']')
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, key...)
}
