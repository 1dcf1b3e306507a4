package access

import (
	"slices"
	"time"
)

// DigitalKey is a door that a member may unlock now: what an app shows.
type DigitalKey struct {
	Door       string     `json:"door"`
	Name       string     `json:"name"`
	AccessType AccessType `json:"access_type"`
	Reason     Reason     `json:"reason"`
	ValidUntil time.Time  `json:"valid_until,omitzero"` // as in the decision: zero is not within 370 days
	OfficeMode bool       `json:"office_mode"`          // the member may also keep it open
}

// Keys returns the doors that the member may unlock at an instant, in the order
// of the document. A member who is not known has none.
func (p *Policy) Keys(member string, at time.Time) []DigitalKey {
	m, t := p.member(member), micros(at)
	if m < 0 {
		return nil
	}
	var (
		a    asked
		keys []DigitalKey
	)
	p.at(&a, t)
	p.ask(&a, m, 0)
	for i := range p.doors {
		// As Decide, but the reason of a denial is not asked for.
		if a.turnTo(int32(i)); p.doors[i].disabled || !a.holdsAny() {
			continue
		}
		now := a.look(t, a.standing)
		if now.opens == 0 {
			continue
		}
		if keys == nil {
			keys = make([]DigitalKey, 0, min(len(p.doors)-i, 256))
		}
		door := &p.about[i]
		key := DigitalKey{Door: door.ID, Name: door.Name, AccessType: door.AccessType, Reason: now.reason(), OfficeMode: p.doors[i].officeMode}
		if until := a.last(now); until <= a.limit {
			key.ValidUntil = instant(until)
		}
		keys = append(keys, key)
	}
	return keys
}

// mayOpen reports whether the member holds anything at all for a door: a quick
// look that spares the decision where he does not.
func (p *Policy) mayOpen(a *asked, member, door int32) bool {
	p.ask(a, member, door)
	return a.holdsAny()
}

func (a *asked) holdsAny() bool {
	memberships := a.memberships()
	for i := range memberships {
		if a.p.types[memberships[i].ref].schedule(a.door) > 0 {
			return true
		}
	}
	if a.windowed {
		windows := a.windows()
		if i := windowAfter(windows, a.m.windowsBefore(a.door), a.door, a.t); i < len(windows) && windows[i].ref == a.door {
			return true
		}
	}
	return len(a.grants()) > 0
}

// ComingKey is a door that is closed for a member now and will open.
type ComingKey struct {
	Door       string     `json:"door"`
	Name       string     `json:"name"`
	AccessType AccessType `json:"access_type"`
	Reason     Reason     `json:"reason"` // why it is not open yet
	From       time.Time  `json:"from"`
}

// Upcoming returns the doors that the member may not unlock at an instant and
// will be allowed to within a span of time, soonest first, then in the order of
// the document. It looks ahead at most 370 days.
func (p *Policy) Upcoming(member string, at time.Time, within time.Duration) []ComingKey {
	var coming []ComingKey
	m, t := p.member(member), micros(at)
	if m < 0 {
		return nil
	}
	var a asked
	p.at(&a, t)
	for i := range p.doors {
		if !p.mayOpen(&a, m, int32(i)) {
			continue
		}
		var d Decision
		p.decide(&d, &a, m, int32(i), Unlock, false)
		if d.NextChange.IsZero() || micros(d.NextChange) > t+within.Microseconds() {
			continue
		}
		door := &p.about[i]
		coming = append(coming, ComingKey{door.ID, door.Name, door.AccessType, d.Reason, d.NextChange})
	}
	slices.SortStableFunc(coming, func(a, b ComingKey) int { return a.From.Compare(b.From) })
	return coming
}

// Holder is a member who may unlock a door.
type Holder struct {
	Member     string    `json:"member"`
	Reason     Reason    `json:"reason"`
	ValidUntil time.Time `json:"valid_until,omitzero"` // as in the decision
}

// Holders answers the reverse question, "who can open the lab at 03:00?": every
// member who may unlock the door at an instant, in the order of the document.
// It asks them one by one. For administrators.
func (p *Policy) Holders(door string, at time.Time) []Holder {
	var holders []Holder
	d, t := p.door(door), micros(at)
	if d < 0 {
		return nil
	}
	var a asked
	p.at(&a, t)
	for m := range int32(p.members) {
		if !p.mayOpen(&a, m, d) {
			continue
		}
		var dec Decision
		if p.decide(&dec, &a, m, d, Unlock, false); dec.Allowed {
			holders = append(holders, Holder{p.memberID(m), dec.Reason, dec.ValidUntil})
		}
	}
	return holders
}
