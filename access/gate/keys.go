package gate

import (
	"context"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// DigitalKey is one door in a member's app.
type DigitalKey struct {
	Door       string            `json:"door"`
	Name       string            `json:"name"`
	AccessType access.AccessType `json:"access_type"`
	// Open reports whether the rules would allow a tap now. Reason is the reason for
	// that; ValidUntil is when a door that is open now closes, zero if that is not
	// known.
	Open       bool          `json:"open"`
	Reason     access.Reason `json:"reason"`
	ValidUntil time.Time     `json:"valid_until,omitzero"`
	// OpensAt is when a door that is not open now will open.
	OpensAt time.Time `json:"opens_at,omitzero"`
	// OfficeMode reports whether starting office mode now would be allowed.
	OfficeMode bool `json:"office_mode"`
	// OfficeModeOn reports whether a member holds the door open in office mode, as far
	// as the gate knows. HeldSince is set if it is this member, who may then lock it.
	OfficeModeOn bool      `json:"office_mode_on"`
	HeldSince    time.Time `json:"held_since,omitzero"`
	// CanLock reports whether locking now would be allowed.
	CanLock bool `json:"can_lock"`
	// Cause is why a tap would fail for a reason outside the rules, as far as is known
	// without a call to the lock system: not linked, switched off, bad facts.
	Cause Cause `json:"cause,omitempty"`
	// State is the lock's state at SeenAt, when it was last read; empty if it was never
	// read. See Gate.RefreshLockStates.
	State  string    `json:"state,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
}

// Keys returns the member's digital keys, in the order of the doors: those that are
// open now, those that will open within ahead, and those the member holds open. It
// makes no call to the lock system and checks no Condition. A door with bad facts has
// CauseBadFacts; if all doors have bad facts, the error is an *access.FactsError. A
// storage that does not answer within SendWithin is an error.
func (g *Gate) Keys(ctx context.Context, member string, ahead time.Duration) (list []DigitalKey, err error) {
	defer containIn("Keys", &err)
	if !storage.ValidID(member) {
		return nil, &RequestError{Faults: []Fault{{Field: "Member", What: badID}}}
	}
	now := g.clock()
	if now.IsZero() {
		return nil, errClock
	}
	ctx, cancel := context.WithTimeout(ctx, SendWithin)
	defer cancel()
	all, err := g.loadAll(ctx, member, now)
	if err != nil {
		return nil, err
	}
	holds, err := g.c.Records.Holds(ctx, g.c.Site)
	if err != nil {
		return nil, err
	}
	killSwitch, err := g.c.Records.KillSwitch(ctx, g.c.Site)
	if err != nil {
		return nil, err
	}
	list = []DigitalKey{}
	var badFacts error
	good := 0
	for _, s := range all {
		q := &s.Question
		if q.Door == nil {
			continue
		}
		d, err := access.Evaluate(*q, access.Request{Member: member, Door: q.Door.ID, Action: access.Unlock, At: now})
		key := g.key(&s, d, member, holds)
		switch {
		case err != nil:
			key.Cause, badFacts = CauseBadFacts, err
		case s.Link.IsZero():
			key.Cause = CauseNotLinked
		case killSwitch.Off:
			key.Cause = CauseSwitchedOff
		}
		if err == nil {
			good++
		}
		if key.Open || err != nil || !key.HeldSince.IsZero() || !key.OpensAt.IsZero() && key.OpensAt.Sub(now) <= ahead {
			list = append(list, key)
		}
	}
	if badFacts != nil && good == 0 {
		return nil, badFacts
	}
	return list, nil
}

// key returns the key of one door, whether or not Keys returns it.
func (g *Gate) key(s *storage.Snapshot, d access.Decision, member string, holds []Hold) DigitalKey {
	q := &s.Question
	k := DigitalKey{
		Door: q.Door.ID, Name: q.Door.Name, AccessType: q.Door.AccessType,
		Open: d.Allowed, Reason: d.Reason, ValidUntil: d.ValidUntil, OpensAt: d.NextChange,
		// Where unlocking is allowed, locking is allowed too, and office mode if the
		// door offers it (RULES.md, section 4).
		OfficeMode: d.Allowed && q.Door.AccessType == access.AccessAndOfficeMode,
		CanLock:    d.Allowed,
	}
	for _, h := range holds {
		if h.Door != k.Door {
			continue
		}
		k.OfficeModeOn = true
		if h.Member == member && q.Member != nil {
			k.HeldSince, k.CanLock = h.Since, true
		}
	}
	if last := g.states.Load(); last != nil {
		seen := (*last)[lockIDOf(s.Link)]
		k.State, k.SeenAt = seen.State, seen.SeenAt
	}
	return k
}

// HasKey reports whether a membership, a grant or a reservation of the member is for
// the door, in force or not. Without one, a host should answer as for an unknown door,
// because the reasons of a real door report that it exists or is reserved. A storage that
// does not answer within SendWithin is an error.
func (g *Gate) HasKey(ctx context.Context, member, door string) (has bool, err error) {
	defer containIn("HasKey", &err)
	ctx, cancel := context.WithTimeout(ctx, SendWithin)
	defer cancel()
	facts, err := g.c.Facts.Load(ctx, storage.FactsQuery{Site: g.c.Site, Member: member, Door: door, At: g.clock()})
	q := facts.Question
	if err != nil || q.Door == nil || q.Member == nil {
		return false, err
	}
	own := func(t access.MembershipType) bool {
		return slices.ContainsFunc(q.Member.Memberships, func(m access.Membership) bool { return m.Type == t.ID }) &&
			slices.ContainsFunc(t.Doors, func(d access.DoorHours) bool { return d.Door == door })
	}
	granted := func(x access.Grant) bool { return x.Member == member && x.Door == door }
	booked := func(r reservation.Reservation) bool {
		guest := q.Settings.Guests == access.GuestsAdmitted && slices.Contains(r.Guests, member)
		return (guest || r.Member == member) && slices.ContainsFunc(q.Resources, func(x access.Resource) bool {
			return x.ID == r.Resource && slices.Contains(x.Doors, door)
		})
	}
	return slices.ContainsFunc(q.MembershipTypes, own) || slices.ContainsFunc(q.Grants, granted) ||
		slices.ContainsFunc(q.Reservations, booked), nil
}
