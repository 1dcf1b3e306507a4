package access

import (
	"encoding/json"
	"slices"
	"time"
)

// Evidence names every basis that opens the door at the asked instant, in byte
// order and without repeats. All three lists are empty when the request is denied.
type Evidence struct {
	Memberships  []string `json:"memberships"`
	Grants       []string `json:"grants"`
	Reservations []string `json:"reservations"`
}

// Decision is the answer to a request: what, why and until when. Its zero value
// denies. It keeps a reference to the policy that made it. MarshalJSON writes the
// fields of RULES.md, section 5.
type Decision struct {
	Allowed bool
	Reason  Reason // empty if Evaluate could not decide

	// ValidUntil is the first instant after the asked one at which the same
	// request would be denied if no fact changed. Zero: not allowed, or none
	// within 370 days. A cached answer is good until then or until the facts
	// change, whichever is first.
	ValidUntil time.Time

	// NextChange is the first instant after the asked one at which the same
	// request would be allowed if no fact changed. Zero: allowed, or none
	// within 370 days.
	NextChange time.Time

	// RelockAfter is how long the lock stays open after an allowed unlock: what
	// to expect, never a timer that sends a command. Zero for anything else.
	RelockAfter time.Duration

	Revision string // of the facts

	policy       *Policy
	member, door int32
	at           int64
}

// Faults returns what is wrong with the facts that [Evaluate] was given, nil if
// nothing is. The rows they are in opened nothing.
func (d Decision) Faults() []Fault {
	if d.policy == nil {
		return nil
	}
	return slices.Clone(d.policy.faults)
}

// Evidence works out which bases open the door at the asked instant.
func (d Decision) Evidence() Evidence {
	e := Evidence{Memberships: []string{}, Grants: []string{}, Reservations: []string{}}
	if !d.Allowed || d.policy == nil || d.member < 0 {
		return e
	}
	q := d.policy.question(d.member, d.at)
	q.turnTo(d.door)
	lists := map[kind]*[]string{byMembership: &e.Memberships, byGrant: &e.Grants, byReservation: &e.Reservations}
	for i := range q.bases() {
		b, hours, never := q.basis(i)
		if hours != nil && never == "" && q.state(&b, hours, q.t, q.member.standing).open {
			*lists[b.kind] = append(*lists[b.kind], b.id)
		}
	}
	slices.Sort(e.Memberships)
	slices.Sort(e.Grants)
	slices.Sort(e.Reservations)
	return e
}

// MarshalJSON writes the fields in the order of RULES.md, section 5: instants in
// UTC, absent ones as null, durations as Go durations.
func (d Decision) MarshalJSON() ([]byte, error) {
	var relock *string
	if d.RelockAfter != 0 {
		relock = new(d.RelockAfter.String())
	}
	return json.Marshal(struct {
		Allowed     bool     `json:"allowed"`
		Reason      Reason   `json:"reason"`
		Evidence    Evidence `json:"evidence"`
		ValidUntil  *string  `json:"valid_until"`
		NextChange  *string  `json:"next_change"`
		RelockAfter *string  `json:"relock_after"`
		Revision    string   `json:"revision,omitempty"`
	}{d.Allowed, d.Reason, d.Evidence(), textOf(d.ValidUntil), textOf(d.NextChange), relock, d.Revision})
}

// textOf returns an instant as documents write it, nil if absent.
func textOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(time.RFC3339Nano))
}
