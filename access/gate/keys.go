package gate

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// DigitalKey is one door in a member's app.
type DigitalKey struct {
	Door       string            `json:"door"`
	Name       string            `json:"name"`
	AccessType access.AccessType `json:"access_type"`
	// Open: the rules would allow a tap now. Then Reason is why, and ValidUntil
	// until when (zero: as far as is known).
	Open       bool          `json:"open"`
	Reason     access.Reason `json:"reason"`
	ValidUntil time.Time     `json:"valid_until,omitzero"`
	// OpensAt is when a door that is not open now will be.
	OpensAt time.Time `json:"opens_at,omitzero"`
	// OfficeMode: a start of office mode now would be allowed.
	OfficeMode bool `json:"office_mode"`
	// OfficeModeOn: a member holds the door open, as far as the gate knows;
	// HeldSince is set if it is this member, who then may lock it.
	OfficeModeOn bool      `json:"office_mode_on"`
	HeldSince    time.Time `json:"held_since,omitzero"`
	// CanLock: a tap to lock now would be allowed.
	CanLock bool `json:"can_lock"`
	// Cause is why a tap would fail all the same, as far as is known without
	// asking the lock system: not linked, switched off, bad facts.
	Cause Cause `json:"cause,omitempty"`
	// State is the lock's state when it was last seen, SeenAt; empty if it never
	// was. See Gate.RefreshLockStates.
	State  string    `json:"state,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
}

// Keys returns the member's digital keys, in the order of the doors: those that
// are open now, those that will open within ahead, and those the member holds
// open. It makes no call to the lock system and checks no Condition. A door whose
// facts are bad has a Cause; if all have, the error is an *access.FactsError.
func (g *Gate) Keys(ctx context.Context, member string, ahead time.Duration) (list []DigitalKey, err error) {
	defer containIn("Keys", &err)
	if !storage.ValidID(member) {
		return nil, &RequestError{Faults: []Fault{{Field: "Member", What: badID}}}
	}
	now := g.clock()
	if now.IsZero() {
		return nil, errClock
	}
	all, err := g.facts.LoadAll(ctx, storage.FactsQuery{Site: g.site, Member: member, At: now})
	if err != nil {
		return nil, err
	}
	holds, err := g.records.Holds(ctx, g.site)
	if err != nil {
		return nil, err
	}
	killSwitch, err := g.records.KillSwitch(ctx, g.site)
	if err != nil {
		return nil, err
	}
	list = []DigitalKey{}
	zones := map[string]*time.Location{} // all doors of a site have one
	var refused error
	good := 0
	for _, s := range all {
		q := &s.Question
		if q.Door == nil {
			continue
		}
		if q.Location == nil {
			if _, ok := zones[q.TimeZone]; !ok {
				zones[q.TimeZone] = location(q.TimeZone)
			}
			q.Location = zones[q.TimeZone]
		}
		d, err := access.Evaluate(*q, access.Request{Member: member, Door: q.Door.ID, Action: access.Unlock, At: now})
		key := g.key(&s, d, member, holds)
		switch {
		case err != nil:
			key.Cause, refused = CauseBadFacts, err
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
	if refused != nil && good == 0 {
		return nil, refused
	}
	return list, nil
}

// key is the key of one door, shown or not.
func (g *Gate) key(s *storage.Snapshot, d access.Decision, member string, holds []Hold) DigitalKey {
	q := &s.Question
	k := DigitalKey{
		Door: q.Door.ID, Name: q.Door.Name, AccessType: q.Door.AccessType,
		Open: d.Allowed, Reason: d.Reason, ValidUntil: d.ValidUntil, OpensAt: d.NextChange,
		// Office mode is allowed where unlocking is, if the door offers it, and so
		// is locking, always (RULES.md 4).
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
	seen := g.states.of(s.Link)
	k.State, k.SeenAt = seen.state, seen.seenAt
	return k
}
