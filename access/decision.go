package access

import "time"

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
