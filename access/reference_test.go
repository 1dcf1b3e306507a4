package access_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"
)

// The reference answers a request by straight loops over the document, rule by
// rule as RULES.md has them. It shares nothing with the engine: own types, own
// decoding, own clock arithmetic, and no index.
type reference struct {
	doc  refDoc
	zone *time.Location
}

type refDoc struct {
	Revision string `json:"revision,omitempty"`
	Site     struct {
		ID       string `json:"id"`
		Name     string `json:"name,omitempty"`
		TimeZone string `json:"time_zone"`
	} `json:"site"`
	Settings     *refSettings     `json:"settings,omitempty"`
	Doors        []refDoor        `json:"doors,omitempty"`
	Types        []refType        `json:"membership_types,omitempty"`
	Members      []refMember      `json:"members,omitempty"`
	Grants       []refGrant       `json:"grants,omitempty"`
	Resources    []refResource    `json:"resources,omitempty"`
	Reservations []refReservation `json:"reservations,omitempty"`
	Exceptions   []refException   `json:"exceptions,omitempty"`
	Closures     []refClosure     `json:"closures,omitempty"`
}

type refSettings struct {
	Before   string `json:"before,omitempty"`
	After    string `json:"after,omitempty"`
	OpenTime string `json:"open_time,omitempty"`
	Buffers  string `json:"buffers,omitempty"`
	Guests   string `json:"guests,omitempty"`

	Standing   *bool `json:"reservations_require_standing,omitempty"`
	Membership *bool `json:"reservations_require_membership,omitempty"`
}

type refDoor struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"`
	AccessType string `json:"access_type"`
	Disabled   bool   `json:"disabled,omitempty"`
	OpenTime   string `json:"open_time,omitempty"`
}

type refType struct {
	ID    string         `json:"id"`
	Doors []refDoorHours `json:"doors,omitempty"`
}

type refDoorHours struct {
	Door  string   `json:"door"`
	Hours refHours `json:"hours"`
}

type refMember struct {
	ID          string          `json:"id"`
	Standing    *refStanding    `json:"standing,omitempty"`
	Memberships []refMembership `json:"memberships,omitempty"`
}

type refStanding struct {
	State  string     `json:"state,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

type refMembership struct {
	ID     string     `json:"id"`
	Type   string     `json:"type"`
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Paused bool       `json:"paused,omitempty"`
}

type refGrant struct {
	ID                 string     `json:"id"`
	Member             string     `json:"member"`
	Door               string     `json:"door"`
	Hours              refHours   `json:"hours"`
	From               *time.Time `json:"from,omitempty"`
	Until              *time.Time `json:"until,omitempty"`
	RequiresMembership *bool      `json:"requires_membership,omitempty"`
	RequiresStanding   *bool      `json:"requires_standing,omitempty"`
	DuringClosures     bool       `json:"during_closures,omitempty"`
}

type refResource struct {
	ID     string   `json:"id"`
	Doors  []string `json:"doors,omitempty"`
	Before string   `json:"before,omitempty"`
	After  string   `json:"after,omitempty"`
}

type refReservation struct {
	ID       string     `json:"id"`
	Resource string     `json:"resource"`
	Member   string     `json:"member"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
	Status   string     `json:"status,omitempty"`
	Guests   []string   `json:"guests,omitempty"`
}

type refException struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Hours refHours `json:"hours"`
	Doors []string `json:"doors,omitempty"`
}

type refClosure struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Doors []string  `json:"doors,omitempty"`
	Note  string    `json:"note,omitempty"`
}

type refRange struct {
	Days []string `json:"days,omitempty"`
	From string   `json:"from"`
	To   string   `json:"to"`
}

// refHours is a word ("always", "closed") or a list of ranges.
type refHours struct {
	Word   string
	Ranges []refRange
}

func (h refHours) MarshalJSON() ([]byte, error) {
	if h.Word != "" {
		return json.Marshal(h.Word)
	}
	return json.Marshal(h.Ranges)
}

func (h *refHours) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &h.Word)
	}
	return json.Unmarshal(data, &h.Ranges)
}

type refRequest struct {
	At      time.Time `json:"at"`
	Member  string    `json:"member"`
	Door    string    `json:"door"`
	Action  string    `json:"action"`
	Holding bool      `json:"holding,omitempty"`
}

// refDecision has the fields of section 5 in their order, nil for null, and
// marshals to the text the section and section 7 describe.
type refDecision struct {
	Allowed     bool        `json:"allowed"`
	Reason      string      `json:"reason"`
	Evidence    refEvidence `json:"evidence"`
	ValidUntil  *time.Time  `json:"valid_until"`
	NextChange  *time.Time  `json:"next_change"`
	RelockAfter *string     `json:"relock_after"`
	Revision    string      `json:"revision,omitempty"`
}

type refEvidence struct {
	Memberships  []string `json:"memberships"`
	Grants       []string `json:"grants"`
	Reservations []string `json:"reservations"`
}

func (d refDecision) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func newReference(document []byte) (*reference, error) {
	var r reference
	if err := json.Unmarshal(document, &r.doc); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(r.doc.Site.TimeZone)
	r.zone = zone
	return &r, err
}

// --- section 2: hours ---

// open reports whether the wall clock of t in the site's zone lies in a range
// that starts on that date, or in the part after midnight of one that started
// on the date before, at this door.
func (r *reference) open(h refHours, door string, t time.Time) bool {
	if h.Word == "always" {
		return true
	}
	local := t.In(r.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC) // a date, not an instant
	for _, g := range r.rangesOn(h, door, today) {
		from, to := refClock(g.From), refClock(g.To)
		if clock >= from && (clock < to || to < from) {
			return true
		}
	}
	for _, g := range r.rangesOn(h, door, today.AddDate(0, 0, -1)) {
		if from, to := refClock(g.From), refClock(g.To); to < from && clock < to {
			return true
		}
	}
	return false
}

// rangesOn lists the ranges that start on a date: the exception's if one covers
// the date and the list has any range on that weekday, otherwise the list's own.
func (r *reference) rangesOn(h refHours, door string, date time.Time) []refRange {
	day := strings.ToLower(date.Weekday().String()[:3])
	var own []refRange
	for _, g := range h.Ranges {
		if slices.Contains(g.Days, day) {
			own = append(own, g)
		}
	}
	if len(own) == 0 {
		return nil
	}
	name := date.Format(time.DateOnly)
	for _, e := range slices.Backward(r.doc.Exceptions) { // the last one wins
		if e.From <= name && name <= e.To && refNames(e.Doors, door) {
			return e.Hours.Ranges
		}
	}
	return own
}

// refNames reports whether a list of doors, absent for every door, names one.
func refNames(doors []string, door string) bool { return doors == nil || slices.Contains(doors, door) }

// closed reports whether a closure covers the door.
func (r *reference) closed(door string, t time.Time) bool {
	return slices.ContainsFunc(r.doc.Closures, func(c refClosure) bool {
		return refWithin(&c.From, &c.Until, t) && refNames(c.Doors, door)
	})
}

func refClock(hhmm string) time.Duration {
	digit := func(i int) time.Duration { return time.Duration(hhmm[i] - '0') }
	return (digit(0)*10+digit(1))*time.Hour + (digit(3)*10+digit(4))*time.Minute
}

// --- section 3: bases ---

type refBasis struct {
	kind    string // membership, grant, reservation
	id      string
	opens   func(t time.Time, ignoreStanding bool) bool
	inForce func(t time.Time) bool // membership and grant, the required membership included
	begins  *time.Time             // reservation: its window
	hours   refHours
}

func refWithin(from, until *time.Time, t time.Time) bool {
	return (from == nil || !t.Before(*from)) && (until == nil || t.Before(*until))
}

func refTrue(b *bool) bool { return b == nil || *b }

func (m refMember) standingHolds(t time.Time) bool {
	if m.Standing == nil {
		return true
	}
	switch m.Standing.State {
	case "", "good":
		return true
	case "grace":
		return t.Before(*m.Standing.Until)
	}
	return false
}

func (m refMember) anyMembership(t time.Time) bool {
	for _, ms := range m.Memberships {
		if !ms.Paused && refWithin(ms.From, ms.Until, t) {
			return true
		}
	}
	return false
}

func (r *reference) bases(m refMember, door string) []refBasis {
	var all []refBasis
	for _, ms := range m.Memberships {
		for _, ty := range r.doc.Types {
			for _, dh := range ty.Doors {
				if ty.ID != ms.Type || dh.Door != door {
					continue
				}
				inForce := func(t time.Time) bool { return !ms.Paused && refWithin(ms.From, ms.Until, t) }
				all = append(all, refBasis{"membership", ms.ID, func(t time.Time, ignore bool) bool {
					return inForce(t) && r.open(dh.Hours, door, t) && (ignore || m.standingHolds(t)) && !r.closed(door, t)
				}, inForce, nil, dh.Hours})
			}
		}
	}
	for _, g := range r.doc.Grants {
		if g.Member != m.ID || g.Door != door {
			continue
		}
		inForce := func(t time.Time) bool {
			return refWithin(g.From, g.Until, t) && (!refTrue(g.RequiresMembership) || m.anyMembership(t))
		}
		all = append(all, refBasis{"grant", g.ID, func(t time.Time, ignore bool) bool {
			return inForce(t) && r.open(g.Hours, door, t) && (ignore || !refTrue(g.RequiresStanding) || m.standingHolds(t)) &&
				(g.DuringClosures || !r.closed(door, t))
		}, inForce, nil, g.Hours})
	}
	for _, b := range r.doc.Reservations {
		if !r.of(b, m) || !refConfirmed(b) || !r.lists(b.Resource, door) {
			continue
		}
		from, until := r.window(b)
		all = append(all, refBasis{"reservation", b.ID, func(t time.Time, ignore bool) bool {
			return refWithin(&from, &until, t) && (ignore || !refTrue(r.settings().Standing) || m.standingHolds(t)) &&
				(!r.bookingsRequireMembership() || m.anyMembership(t)) && !r.closed(door, t)
		}, nil, &from, refHours{}})
	}
	return all
}

func refConfirmed(b refReservation) bool { return b.Status == "" || b.Status == "confirmed" }

func (r *reference) settings() refSettings {
	if r.doc.Settings == nil {
		return refSettings{}
	}
	return *r.doc.Settings
}

func (r *reference) bookingsRequireMembership() bool {
	return r.settings().Membership != nil && *r.settings().Membership
}

// of reports whether a reservation is of a member: made by them, or naming them
// where guests are admitted.
func (r *reference) of(b refReservation, m refMember) bool {
	return b.Member == m.ID || r.settings().Guests == "admitted" && slices.Contains(b.Guests, m.ID)
}

func (r *reference) lists(resource, door string) bool {
	for _, res := range r.doc.Resources {
		if res.ID == resource && slices.Contains(res.Doors, door) {
			return true
		}
	}
	return false
}

func refEffectiveEnd(b refReservation) time.Time {
	if b.EndedAt != nil && b.EndedAt.Before(b.End) {
		return *b.EndedAt
	}
	return b.End
}

func (r *reference) setting(text, otherwise string) time.Duration {
	if text == "" {
		text = otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (r *reference) window(b refReservation) (from, until time.Time) {
	s := r.settings()
	before, after := s.Before, s.After
	for _, res := range r.doc.Resources {
		if res.ID == b.Resource {
			before, after = cmp.Or(res.Before, before), cmp.Or(res.After, after)
		}
	}
	end := refEffectiveEnd(b)
	from, until = b.Start.Add(-r.setting(before, "15m")), end.Add(r.setting(after, "15m"))
	if s.Buffers != "clip" {
		return from, until
	}
	for _, o := range r.doc.Reservations {
		oEnd := refEffectiveEnd(o)
		if o.Resource != b.Resource || o.Member == b.Member || !refConfirmed(o) || !o.Start.Before(oEnd) {
			continue
		}
		if o.Start.Before(b.Start) {
			cut := oEnd
			if b.Start.Before(cut) {
				cut = b.Start
			}
			if cut.After(from) {
				from = cut
			}
		}
		if oEnd.After(end) {
			cut := o.Start
			if end.After(cut) {
				cut = end
			}
			if cut.Before(until) {
				until = cut
			}
		}
	}
	return from, until
}
