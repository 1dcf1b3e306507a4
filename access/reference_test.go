package access_test

import (
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
}

type refSettings struct {
	Before   string `json:"before,omitempty"`
	After    string `json:"after,omitempty"`
	OpenTime string `json:"open_time,omitempty"`
	Buffers  string `json:"buffers,omitempty"`
	Standing *bool  `json:"reservations_require_standing,omitempty"`
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
}

type refResource struct {
	ID    string   `json:"id"`
	Doors []string `json:"doors,omitempty"`
}

type refReservation struct {
	ID       string     `json:"id"`
	Resource string     `json:"resource"`
	Member   string     `json:"member"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
	Status   string     `json:"status,omitempty"`
}

type refException struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Hours refHours `json:"hours"`
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

// open tells whether the wall clock of t in the site's zone lies in a range
// that starts on that date, or in the part after midnight of one that started
// on the date before.
func (r *reference) open(h refHours, t time.Time) bool {
	if h.Word == "always" {
		return true
	}
	local := t.In(r.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC) // a date, not an instant
	for _, g := range r.rangesOn(h, today) {
		from, to := refClock(g.From), refClock(g.To)
		if clock >= from && (clock < to || to < from) {
			return true
		}
	}
	for _, g := range r.rangesOn(h, today.AddDate(0, 0, -1)) {
		if from, to := refClock(g.From), refClock(g.To); to < from && clock < to {
			return true
		}
	}
	return false
}

// rangesOn lists the ranges that start on a date: the exception's if one covers
// the date and the list has any range on that weekday, else the list's own.
func (r *reference) rangesOn(h refHours, date time.Time) []refRange {
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
		if e.From <= name && name <= e.To {
			return e.Hours.Ranges
		}
	}
	return own
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
	inForce func(t time.Time) bool // membership and grant, the wanted membership included
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
					return inForce(t) && r.open(dh.Hours, t) && (ignore || m.standingHolds(t))
				}, inForce, dh.Hours})
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
			return inForce(t) && r.open(g.Hours, t) && (ignore || !refTrue(g.RequiresStanding) || m.standingHolds(t))
		}, inForce, g.Hours})
	}
	for _, b := range r.doc.Reservations {
		if b.Member != m.ID || !refConfirmed(b) || !r.lists(b.Resource, door) {
			continue
		}
		from, until := r.window(b)
		all = append(all, refBasis{"reservation", b.ID, func(t time.Time, ignore bool) bool {
			return refWithin(&from, &until, t) && (ignore || !r.bookingsWantStanding() || m.standingHolds(t))
		}, nil, refHours{}})
	}
	return all
}

func refConfirmed(b refReservation) bool { return b.Status == "" || b.Status == "confirmed" }

func (r *reference) bookingsWantStanding() bool {
	return r.doc.Settings == nil || refTrue(r.doc.Settings.Standing)
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
	s := refSettings{}
	if r.doc.Settings != nil {
		s = *r.doc.Settings
	}
	end := refEffectiveEnd(b)
	from, until = b.Start.Add(-r.setting(s.Before, "15m")), end.Add(r.setting(s.After, "15m"))
	if s.Buffers != "clip" {
		return from, until
	}
	for _, o := range r.doc.Reservations {
		if o.Resource != b.Resource || o.Member == b.Member || !refConfirmed(o) {
			continue
		}
		if e := refEffectiveEnd(o); !e.After(b.Start) && e.After(from) {
			from = e
		}
		if !o.Start.Before(end) && o.Start.Before(until) {
			until = o.Start
		}
	}
	return from, until
}
