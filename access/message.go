package access

// messages are short, and safe to show to the member: no other person's name,
// no payment detail.
var messages = map[Reason]string{
	ReasonGrant:                "You may open this door.",
	ReasonMembership:           "Your membership opens this door.",
	ReasonReservation:          "Your reservation opens this door.",
	ReasonHolder:               "You may lock this door: you keep it open.",
	ReasonUnknownDoor:          "This door does not exist.",
	ReasonUnknownMember:        "You are not known here.",
	ReasonDoorDisabled:         "This door is out of service.",
	ReasonOfficeModeNotOffered: "This door cannot be kept open.",
	ReasonStandingBlocked:      "Your access is on hold. Please contact the space.",
	ReasonTooEarly:             "It is too early for your reservation.",
	ReasonOutsideHours:         "This door is closed for you at this hour.",
	ReasonNotStarted:           "Your access to this door has not started yet.",
	ReasonReservationPending:   "Your reservation is not confirmed yet.",
	ReasonReservationCancelled: "Your reservation was cancelled.",
	ReasonReservationOver:      "Your reservation is over.",
	ReasonMembershipPaused:     "Your membership is paused.",
	ReasonMembershipEnded:      "Your membership has ended.",
	ReasonGrantEnded:           "Your access to this door has ended.",
	ReasonNotBooker:            "Only the person who made the reservation can open this door now.",
	ReasonNoEntitlement:        "You have no access to this door.",
}

// Message returns a short English sentence that is safe to show to the member.
// Hosts translate by Reason.
func (d Decision) Message() string {
	if m, ok := messages[d.Reason]; ok {
		return m
	}
	return messages[ReasonNoEntitlement]
}
