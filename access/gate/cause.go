package gate

// Cause is a code for why a request did not do what the rules allow, or for a problem
// that the lock system reports. The reasons of the rules themselves are access.Reason.
// The list is closed: Causes returns all of them. The zero Cause means that there is
// none.
type Cause string

// The causes, in the order of Causes.
const (
	CauseNotLinked        Cause = "not_linked"        // no lock is linked to the door
	CauseSwitchedOff      Cause = "switched_off"      // the site's kill switch
	CauseCondition        Cause = "condition"         // a Condition of the host is not met
	CauseDeadline         Cause = "deadline"          // too late to send it
	CauseClock            Cause = "clock"             // the tap is dated in the future, or the host's clock failed
	CauseCancelled        Cause = "cancelled"         // the caller's context ended before the claim
	CauseBadRequest       Cause = "bad_request"       // the request itself is invalid
	CauseRequestReused    Cause = "request_reused"    // its RequestID belongs to another request
	CauseStoreUnavailable Cause = "store_unavailable" // facts or journal could not be read or written
	CauseUnknownSite      Cause = "unknown_site"      // the storage has no rules of this site
	CauseBadFacts         Cause = "bad_facts"         // the facts of this member and door are inconsistent
	CauseInternal         Cause = "internal"          // a fault in this program or in code of the host
	CauseIQNotActivated   Cause = "iq_not_activated"  // the IQ is not activated for the connection's user
	CauseIQOffline        Cause = "iq_offline"        // the IQ does not reach the cloud
	CauseLockOffline      Cause = "lock_offline"      // the lock does not reach its IQ
	CauseLinkOutdated     Cause = "link_outdated"     // the lock's IQ or its need for a one-time code changed since it was linked
	CauseLockGone         Cause = "lock_gone"         // the linked lock is no longer on the site
	CauseRestoreRequired  Cause = "restore_required"  // the IQ was reset and has to be restored
	CausePINNotChanged    Cause = "pin_not_changed"   // the activation was never confirmed
	CauseOTPInvalid       Cause = "otp_invalid"       // the one-time code was wrong
	CauseOTPBlocked       Cause = "otp_blocked"       // one-time codes are blocked for a while
	CauseNotConnected     Cause = "not_connected"     // no connection to the lock system, or its site was not chosen
	CauseReauthorize      Cause = "reauthorize"       // a person has to consent again
	CauseTokenRefused     Cause = "token_refused"     // the access token was refused; the next tap uses a new one
	CauseClientRefused    Cause = "client_refused"    // the client id or secret of this program was refused
	CauseForbidden        Cause = "forbidden"         // the connection's user may not move this lock
	CauseNoSubscription   Cause = "no_subscription"   // the site's subscription does not cover it
	CauseRateLimited      Cause = "rate_limited"      // too many commands
	CauseRefused          Cause = "refused_by_salto"  // refused, for a reason not in this list
	CauseCloudUnavailable Cause = "cloud_unavailable" // the lock system's cloud could not be reached
	CauseNoAnswer         Cause = "no_answer"         // sent, and no clear answer came
	CauseInterrupted      Cause = "interrupted"       // the process that was sending it ended
	CauseStillSending     Cause = "still_sending"     // another call is sending it and the caller stopped waiting

	// Problems that the lock system reports; no receipt has them.

	CauseLeftOpen        Cause = "left_open_alarm"   // the lock reports that its door was left open
	CauseIntrusion       Cause = "intrusion_alarm"   // the lock reports that its door was forced
	CauseBatteryLow      Cause = "battery_low"       // the battery of the lock
	CausePrivacyMode     Cause = "privacy_mode"      // the lock was put into privacy mode from inside
	CauseReauthorizeDue  Cause = "reauthorize_due"   // a person will have to consent again soon
	CauseSeatsNearlyFull Cause = "seats_nearly_full" // at most one seat of the subscription is free
)

// causeTexts has for each cause what it concerns, if it is a problem that requires a
// person, and the member's sentence.
var causeTexts = []causeText{
	{CauseNotLinked, perDoor, "This door is not set up for digital keys."},
	{CauseSwitchedOff, none, "Digital keys are switched off here at the moment. Please ask the staff."},
	{CauseCondition, none, "This door does not open for you right now. Please ask the staff."},
	{CauseDeadline, none, "That took too long, so the door stayed shut. Please tap again."},
	{CauseClock, siteWide, "The time of this tap is not right. Please check the clock of your phone, or ask the staff."},
	{CauseCancelled, none, "The request was canceled. Please tap again."},
	{CauseBadRequest, none, "The app sent something we could not read. Please update the app and tap again."},
	{CauseRequestReused, none, "The app mixed up two requests. Please tap again."},
	{CauseStoreUnavailable, siteWide, "We cannot check your access right now. Please try again in a moment."},
	{CauseUnknownSite, siteWide, "This place is not set up for digital keys. Please ask the staff."},
	{CauseBadFacts, none, "Your access is not set up correctly. Please ask the staff."},
	{CauseInternal, none, "Something went wrong on our side. Please try again, or ask the staff."},
	{CauseIQNotActivated, perGateway, "This door is not ready for digital keys yet. Please ask the staff."},
	{CauseIQOffline, perGateway, "The door system seems to be offline. If the door stays shut, use another way in or ask the staff."},
	{CauseLockOffline, perDoor, "This lock seems to be offline. If the door stays shut, use another way in or ask the staff."},
	{CauseLinkOutdated, perDoor, "This door has to be connected again. Please ask the staff."},
	{CauseLockGone, perDoor, "This door is no longer set up for digital keys. Please ask the staff."},
	{CauseRestoreRequired, perGateway, "The door system has to be set up again. Please ask the staff."},
	{CausePINNotChanged, perGateway, "This door is not ready for digital keys yet. Please ask the staff."},
	{CauseOTPInvalid, perGateway, "The door system did not accept our code. Please ask the staff."},
	{CauseOTPBlocked, perGateway, "The door system has paused remote opening for some minutes. Please ask the staff."},
	{CauseNotConnected, none, "The door system is not connected at the moment. Please ask the staff."},
	{CauseReauthorize, siteWide, "The connection to the door system has to be renewed. Please ask the staff."},
	{CauseTokenRefused, none, "The door system did not accept our connection. Please tap again."},
	{CauseClientRefused, siteWide, "The connection to the door system is not set up correctly. Please ask the staff."},
	{CauseForbidden, perDoor, "We are not allowed to move this lock. Please ask the staff."},
	{CauseNoSubscription, siteWide, "Remote opening is not included here at the moment. Please ask the staff."},
	{CauseRateLimited, siteWide, "Too many requests at once. Please try again in a moment."},
	{CauseRefused, none, "The door system refused. Please ask the staff."},
	{CauseCloudUnavailable, siteWide, "The door system cannot be reached. Please try again in a moment."},
	{CauseNoAnswer, none, "We got no clear answer from the door. Please try the door, then tap again if it is shut."},
	{CauseInterrupted, none, "We lost track of this request. Please try the door, then tap again if it is shut."},
	{CauseStillSending, none, "Your request is still on its way to the door. Please try the door in a moment."},
	{CauseLeftOpen, none, "This door was left open. Please close it."},
	{CauseIntrusion, none, "This lock reports that the door was forced. Please tell the staff."},
	{CauseBatteryLow, none, "The battery of this lock is low. Please tell the staff."},
	{CausePrivacyMode, none, "This door was locked from inside."},
	{CauseReauthorizeDue, none, "The connection to the door system has to be renewed soon. Please tell the staff."},
	{CauseSeatsNearlyFull, none, "The seats of the door system are nearly taken. Please tell the staff."},
}

type causeText struct {
	cause   Cause
	scope   scope
	message string
}

// Causes returns every cause, in the order of this package.
func Causes() []Cause {
	list := make([]Cause, len(causeTexts))
	for i, t := range causeTexts {
		list[i] = t.cause
	}
	return list
}

// known reports whether c is in the list; the zero Cause is not.
func (c Cause) known() bool { return c.Message() != "" }

// Message returns one short English sentence that may be shown to a member: it contains
// no name, no secret and nothing of the configuration. To translate it, use the code.
// It is empty for the zero Cause and for an unknown one.
func (c Cause) Message() string { return textOf(c).message }

func textOf(c Cause) causeText {
	for _, t := range causeTexts {
		if t.cause == c {
			return t
		}
	}
	return causeText{}
}
