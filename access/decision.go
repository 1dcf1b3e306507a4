package access

import (
	"encoding/json"
	"slices"
	"time"
)

// Request asks whether a member may do something at a door at an instant.
type Request struct {
	Member string
	Door   string
	Action Action
	At     time.Time // decisions look at whole microseconds: what is finer is cut off

	// Holding says that this member put the door in office mode and nobody
	// ended it. It comes from the host's own records, never from the member's
	// request, and counts for ActionLock only.
	Holding bool
}

// Action is what the member wants to do.
type Action string

// The actions (RULES.md, section 4).
const (
	Unlock     Action = "unlock"
	OfficeMode Action = "office_mode"
	Lock       Action = "lock"
)

// Reason is the code of why a decision is as it is (RULES.md, section 5). The
// codes are stable: hosts translate by them.
type Reason string

// Why a request is allowed.
const (
	ReasonGrant       Reason = "grant"
	ReasonMembership  Reason = "membership"
	ReasonReservation Reason = "reservation"
	ReasonHolder      Reason = "holder" // only Holding allows the lock
)

// Why a request is denied.
const (
	ReasonUnknownDoor          Reason = "unknown_door"
	ReasonUnknownMember        Reason = "unknown_member"
	ReasonDoorDisabled         Reason = "door_disabled"
	ReasonOfficeModeNotOffered Reason = "office_mode_not_offered"
	ReasonStandingBlocked      Reason = "standing_blocked"
	ReasonTooEarly             Reason = "too_early"
	ReasonOutsideHours         Reason = "outside_hours"
	ReasonNotStarted           Reason = "not_started"
	ReasonReservationPending   Reason = "reservation_pending"
	ReasonReservationCancelled Reason = "reservation_cancelled"
	ReasonReservationOver      Reason = "reservation_over"
	ReasonMembershipPaused     Reason = "membership_paused"
	ReasonMembershipEnded      Reason = "membership_ended"
	ReasonGrantEnded           Reason = "grant_ended"
	ReasonNotBooker            Reason = "not_booker"
	ReasonNoEntitlement        Reason = "no_entitlement"
)

// Evidence names every basis that opens the door at the asked instant, in byte
// order and without repeats. All three are empty when the request is denied.
type Evidence struct {
	Memberships  []string `json:"memberships"`
	Grants       []string `json:"grants"`
	Reservations []string `json:"reservations"`
}

// Decision is the answer to a request: what, why and until when. Its zero value
// denies. It keeps a reference to the policy that made it.
type Decision struct {
	Allowed bool
	Reason  Reason

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

// Evidence works out which bases open the door at the asked instant.
func (d Decision) Evidence() Evidence {
	e := Evidence{Memberships: []string{}, Grants: []string{}, Reservations: []string{}}
	if !d.Allowed || d.policy == nil {
		return e
	}
	p := d.policy
	var a asked
	p.at(&a, d.at)
	p.ask(&a, d.member, d.door)
	for i, m := range a.memberships() {
		if s := p.types[m.ref].schedule(d.door); s > 0 && !m.paused && a.opens(s, m.from, min(m.until, a.standing)) {
			e.Memberships = append(e.Memberships, p.membershipID(d.member, i))
		}
	}
	for _, g := range a.grants() {
		until := g.until
		if g.wantsStanding {
			until = min(until, a.standing)
		}
		if a.opens(g.schedule, g.from, until) && (!g.wantsMembership || a.isMember(d.at)) {
			e.Grants = append(e.Grants, g.id)
		}
	}
	if p.bookingsFree || d.at < a.standing {
		for _, b := range p.bookingsOf(d.member) {
			r := p.resources[b.resource]
			if b.status != confirmed || !slices.Contains(r.doors, d.door) {
				continue
			}
			if from, until := p.window(r, d.member, b.start, b.end); from <= d.at && d.at < until {
				e.Reservations = append(e.Reservations, b.id)
			}
		}
	}
	slices.Sort(e.Memberships)
	slices.Sort(e.Grants)
	slices.Sort(e.Reservations)
	return e
}

// opens reports whether a schedule is open at the asked instant, and that
// instant is in [from, until).
func (a *asked) opens(s int32, from, until int64) bool {
	if a.t < from || a.t >= until {
		return false
	}
	next, _ := a.first(s, a.t, until)
	return next == a.t
}

// MarshalJSON writes the fields in the order of RULES.md, section 5: instants in
// UTC, absent ones as null, durations as Go durations.
func (d Decision) MarshalJSON() ([]byte, error) {
	relock := (*string)(nil)
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

// textOf returns an instant as documents hold it, nil if absent.
func textOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(time.RFC3339Nano))
}
