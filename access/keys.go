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
	OfficeMode bool       `json:"office_mode"`          // the member may start office mode too
}

// Keys returns the doors that the member may unlock at an instant, in the order
// of the document. An unknown member has none.
func (p *Policy) Keys(member string, at time.Time) []DigitalKey {
	keys := []DigitalKey{}
	m := p.member(member)
	if m < 0 {
		return keys
	}
	q := p.question(m, micros(at))
	for i := range p.doors {
		// As decide for an unlock, but the reason of a denial is not asked for.
		q.turnTo(int32(i))
		if now := q.at(q.t, q.member.standing); now.opens != 0 && !q.door.disabled {
			if len(keys) == 0 {
				keys = make([]DigitalKey, 0, min(len(p.doors)-i, q.member.doors()))
			}
			door := q.door
			keys = append(keys, DigitalKey{
				Door: door.id, Name: door.name, AccessType: door.access, Reason: reasons[now.opens],
				ValidUntil: q.within(q.closes(now)), OfficeMode: door.access == AccessAndOfficeMode,
			})
		}
	}
	return keys
}

// doors returns the number of doors that the member's bases are for, or a larger one.
func (m *member) doors() int {
	n := len(m.grants) + len(m.windows)
	for _, m := range m.memberships {
		n += m.typ.doors
	}
	return n
}

// ComingKey is a door that is closed for a member now and will open.
type ComingKey struct {
	Door       string     `json:"door"`
	Name       string     `json:"name"`
	AccessType AccessType `json:"access_type"`
	Reason     Reason     `json:"reason"` // why it is not open yet
	From       time.Time  `json:"from,omitzero"`
}

// Upcoming returns the doors that the member may not unlock at an instant and
// will be allowed to within a span of time, soonest first, then in the order of
// the document. It looks ahead at most 370 days.
func (p *Policy) Upcoming(member string, at time.Time, within time.Duration) []ComingKey {
	coming := []ComingKey{}
	m, r := p.member(member), Request{Action: Unlock, At: at}
	for i := range p.doors {
		var d Decision
		p.decide(&d, &r, m, int32(i))
		if d.NextChange.IsZero() || d.NextChange.Sub(at) > within {
			continue
		}
		door := &p.doors[i]
		coming = append(coming, ComingKey{door.id, door.name, door.access, d.Reason, d.NextChange})
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
// For administrators.
func (p *Policy) Holders(door string, at time.Time) []Holder {
	holders := []Holder{}
	d, r := p.door(door), Request{Action: Unlock, At: at}
	for m := range int32(p.members.len) {
		var decision Decision
		if p.decide(&decision, &r, m, d); decision.Allowed {
			holders = append(holders, Holder{p.members.at(m).id, decision.Reason, decision.ValidUntil})
		}
	}
	return holders
}
