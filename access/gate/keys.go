package gate

import (
	"context"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// DigitalKey is one door in a member's app.
type DigitalKey struct {
	Door       string            `json:"door"`
	Name       string            `json:"name"`
	AccessType access.AccessType `json:"access_type"`
	// Open: a tap now would be allowed by the rules. Then Reason says by what,
	// and ValidUntil until when (zero: as far as is known).
	Open       bool          `json:"open"`
	Reason     access.Reason `json:"reason"`
	ValidUntil time.Time     `json:"valid_until,omitzero"`
	// OpensAt is when a door that is not open now will be.
	OpensAt time.Time `json:"opens_at,omitzero"`
	// OfficeMode: a start of office mode now would be allowed.
	OfficeMode bool `json:"office_mode"`
	// OfficeModeOn: somebody holds the door open, as far as the gate knows;
	// HeldSince is set if it is this member, who then may lock it.
	OfficeModeOn bool      `json:"office_mode_on"`
	HeldSince    time.Time `json:"held_since,omitzero"`
	// CanLock: a tap to lock now would be allowed.
	CanLock bool `json:"can_lock"`
	// Cause is what stands in the way outside the rules, as far as is known
	// without asking the lock system: not linked, switched off, bad facts.
	Cause Cause `json:"cause,omitempty"`
	// State is the lock's state when it was last seen, SeenAt; empty if it never
	// was. See Gate.RefreshLockStates.
	State  string    `json:"state,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
}

// Keys returns the member's digital keys, in the order of the doors: those that
// are open now, those that will open within ahead, and those the member holds
// open. It makes no call to the lock system. A door whose facts contradict
// themselves has a Cause; when all have, the error is a *access.FactsError.
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
	sw, err := g.records.KillSwitch(ctx, g.site)
	if err != nil {
		return nil, err
	}
	return g.keys(all, member, now, ahead, holds, sw)
}

// keys decides about all doors together, which shares what is the same for all.
func (g *Gate) keys(all []storage.Snapshot, member string, now time.Time, ahead time.Duration, holds []Hold, sw KillSwitch) ([]DigitalKey, error) {
	if none := func(s storage.Snapshot) bool { return s.Question.Door == nil }; slices.ContainsFunc(all, none) {
		all = slices.DeleteFunc(slices.Clone(all), none)
	}
	questions := make([]access.Question, len(all))
	for i := range all {
		questions[i] = all[i].Question
		if q := &questions[i]; q.Location == nil {
			q.Location = location(q.TimeZone)
		}
	}
	keys := make([]DigitalKey, 0, len(all))
	var refused error
	i, bad := 0, 0
	for d, err := range access.EvaluateEach(questions, access.Request{Member: member, Action: access.Unlock, At: now}) {
		s := &all[i]
		i++
		key := g.key(s, d, member, holds)
		switch {
		case err != nil:
			key.Cause = CauseBadFacts
			refused, bad = err, bad+1
		case s.Link.IsZero():
			key.Cause = CauseNotLinked
		case sw.Off:
			key.Cause = CauseSwitchedOff
		}
		if key.Open || err != nil || !key.HeldSince.IsZero() || !key.OpensAt.IsZero() && key.OpensAt.Sub(now) <= ahead {
			keys = append(keys, key)
		}
	}
	if bad > 0 && bad == len(all) {
		return nil, refused
	}
	return keys, nil
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
