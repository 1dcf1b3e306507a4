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

// Message returns a short English sentence that is safe to show to the member: no
// other person's name, no payment detail, no note of a closure. Hosts translate by
// Reason.
func (d Decision) Message() string {
	messages := map[Reason]string{
		ReasonGrant:                "You may open this door.",
		ReasonMembership:           "Your membership opens this door.",
		ReasonReservation:          "Your reservation opens this door.",
		ReasonHolder:               "You may lock this door: it is in office mode because of you.",
		ReasonUnknownDoor:          "This door does not exist.",
		ReasonUnknownMember:        "You are not known here.",
		ReasonDoorDisabled:         "This door is out of service.",
		ReasonOfficeModeNotOffered: "This door cannot be kept open.",
		ReasonDoorClosed:           "This door is closed at the moment.",
		ReasonStandingBlocked:      "Your access is on hold. Please contact the space.",
		ReasonTooEarly:             "It is too early for your reservation.",
		ReasonOutsideHours:         "This door is closed for you at this hour.",
		ReasonNotStarted:           "Your access to this door has not started yet.",
		ReasonReservationPending:   "Your reservation is not confirmed yet.",
		ReasonReservationCancelled: "Your reservation was cancelled.",
		ReasonReservationOver:      "Your reservation is over.",
		ReasonMembershipPaused:     "Your membership is paused.",
		ReasonMembershipEnded:      "Your membership has ended.",
		ReasonMembershipRequired:   "You need an active membership to open this door.",
		ReasonGrantEnded:           "Your access to this door has ended.",
		ReasonNotBooker:            "This door is reserved by someone else at the moment.",
		"":                         "Your access is not set up correctly. Please ask the staff.",
		ReasonNoEntitlement:        "You have no access to this door.",
	}
	if text, ok := messages[d.Reason]; ok {
		return text
	}
	return messages[ReasonNoEntitlement] // a code of a later version
}
