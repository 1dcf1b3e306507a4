package access

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
	ReasonDoorClosed           Reason = "door_closed"
	ReasonStandingBlocked      Reason = "standing_blocked"
	ReasonTooEarly             Reason = "too_early"
	ReasonOutsideHours         Reason = "outside_hours"
	ReasonNotStarted           Reason = "not_started"
	ReasonReservationPending   Reason = "reservation_pending"
	ReasonReservationCancelled Reason = "reservation_cancelled"
	ReasonReservationOver      Reason = "reservation_over"
	ReasonMembershipPaused     Reason = "membership_paused"
	ReasonMembershipEnded      Reason = "membership_ended"
	ReasonMembershipRequired   Reason = "membership_required"
	ReasonGrantEnded           Reason = "grant_ended"
	ReasonNotBooker            Reason = "not_booker"
	ReasonNoEntitlement        Reason = "no_entitlement"
)

// message returns a short sentence that is safe to show to the member: no other
// person's name, no payment detail, no note of a closure.
func (r Reason) message() string {
	switch r {
	case ReasonGrant:
		return "You may open this door."
	case ReasonMembership:
		return "Your membership opens this door."
	case ReasonReservation:
		return "Your reservation opens this door."
	case ReasonHolder:
		return "You may lock this door: it is in office mode because of you."
	case ReasonUnknownDoor:
		return "This door does not exist."
	case ReasonUnknownMember:
		return "You are not known here."
	case ReasonDoorDisabled:
		return "This door is out of service."
	case ReasonOfficeModeNotOffered:
		return "This door cannot be kept open."
	case ReasonDoorClosed:
		return "This door is closed at the moment."
	case ReasonStandingBlocked:
		return "Your access is on hold. Please contact the space."
	case ReasonTooEarly:
		return "It is too early for your reservation."
	case ReasonOutsideHours:
		return "This door is closed for you at this hour."
	case ReasonNotStarted:
		return "Your access to this door has not started yet."
	case ReasonReservationPending:
		return "Your reservation is not confirmed yet."
	case ReasonReservationCancelled:
		return "Your reservation was cancelled."
	case ReasonReservationOver:
		return "Your reservation is over."
	case ReasonMembershipPaused:
		return "Your membership is paused."
	case ReasonMembershipEnded:
		return "Your membership has ended."
	case ReasonMembershipRequired:
		return "You need an active membership to open this door."
	case ReasonGrantEnded:
		return "Your access to this door has ended."
	case ReasonNotBooker:
		return "This door is reserved by someone else at the moment."
	case "":
		return "Your access is not set up correctly. Please ask the staff."
	}
	return "You have no access to this door."
}

// Message returns a short English sentence that is safe to show to the member.
// Hosts translate by Reason.
func (d Decision) Message() string { return d.Reason.message() }
