package saltolocks

import (
	"fmt"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

const (
	nothingOpens = "No digital key opens any door."
	allRefused   = "SALTO refuses every command."
	iqOpensNone  = "No digital key opens the doors of this IQ."
	tokenEnds    = "When the current token expires, no digital key opens any door."
	reconnect    = "Reconnect as the same SALTO user: doors, names and activations stay."
)

// issueText describes an issue. What is a format; for an IQ, Do is the advice of
// saltoremote.
type issueText struct {
	severity         gate.Severity
	what, breaks, do string
}

// issue returns the issue with this code. args are those of its What.
func issue(code, about string, args ...any) gate.Issue {
	t := issueTexts[code]
	return gate.Issue{Code: code, Severity: t.severity, About: about, What: fmt.Sprintf(t.what, args...), Breaks: t.breaks, Do: t.do}
}

// issueTexts are the issues, by code.
var issueTexts = map[string]issueText{
	// The connection.
	"not_connected": {gate.Critical, "There is no connection to SALTO KS.", nothingOpens, "Connect to SALTO KS."},
	"no_site":       {gate.Critical, "SALTO KS is connected, but no site is chosen.", nothingOpens, "Choose the site (LinkSite)."},
	"sealing_key": {gate.Critical, "The connection was stored with another sealing key than this process has.", nothingOpens,
		"Give every process the same SealingKey."},
	"wrong_url": {gate.Critical, "The host %q cannot be found.", nothingOpens,
		"Correct Environment.Issuer and Environment.API, or the name service of this machine."},
	"reauthorize_required": {gate.Critical, "SALTO ended the consent%s.", nothingOpens, reconnect},
	"reauthorize_due": {gate.Warning, "The consent is from %s, and SALTO ends consents after about 90 days.",
		"Soon no digital key opens any door.", reconnect},
	"tokens_failing": {gate.Warning, "Renewing the access token failed %d times: %s.", tokenEnds,
		"Check the network and status.saltoks.com; the renewal is retried automatically."},
	"client_refused": {gate.Critical, "SALTO refuses the client id and secret of this application.", tokenEnds,
		"Correct the client id and secret in the configuration (Credentials); tokens, doors and activations stay."},

	// The site and the SALTO user.
	"site_not_visible": {gate.Critical, "The connection's SALTO user has no access to the site.", nothingOpens,
		"Make the user a site admin again. If it is one, the site is in another environment (production or acceptance): correct Environment."},
	"time_zone_differs": {gate.Warning, "The SALTO site is in the time zone %q, the rules are in %q.",
		"Hours of the rules and SALTO's schedules do not match.", "Set the right zone in SALTO KS, or in the site's rules."},
	"no_subscription": {gate.Critical, "The site has no valid SALTO KS subscription.", "SALTO refuses remote opening.",
		"Renew it with SALTO."},
	"site_not_released": {gate.Critical, "The installer has not released the site (%q).", "SALTO operates none of its locks.",
		"Ask the installer to release it."},
	"seats_nearly_full": {gate.Warning, "%d of %d seats of the subscription are taken.",
		"SALTO accepts further users without notice, and their fobs and PINs open nothing. Digital keys need no seat.",
		"Remove users in SALTO KS, or order seats."},
	"not_site_admin": {gate.Critical, "The connection's SALTO user is %q, not site admin.",
		"SALTO may refuse commands and hide locks.", "Give the user the role Site admin in SALTO KS."},
	"no_remote_access": {gate.Critical, "The connection's SALTO user has no right to open remotely.", allRefused,
		"Switch on remote access for the user in SALTO KS."},
	"user_blocked": {gate.Critical, "The connection's SALTO user is blocked on the site.", allRefused, "Unblock the user in SALTO KS."},
	"no_iq": {gate.Critical, "The SALTO KS site has no IQ.", nothingOpens,
		"Add an IQ to the site in SALTO KS, or choose another site."},

	// The IQs.
	string(saltoremote.FindingNotActivated):       iqText("It was never activated for the connection's SALTO user."),
	string(saltoremote.FindingUnfinished):         iqText("Its activation was begun and not finished."),
	string(saltoremote.FindingActivatedElsewhere): iqText("It was activated outside of this installation, so its secret is not stored here."),
	string(saltoremote.FindingActivationLost):     iqText("Its activation was reset at SALTO."),
	string(saltoremote.FindingRestoreRequired):    iqText("It was reset and has to be restored."),
	string(saltoremote.FindingPINNotChanged):      iqText("Its PIN was not confirmed at SALTO."),
	string(saltoremote.FindingIQClock):            iqText("SALTO's cloud accepts our codes and the IQ does not."),
	string(saltoremote.FindingAppLogin):           iqText("Its secret was replaced: the SALTO user was logged into the phone app."),
	string(saltoremote.FindingWrongCode):          iqText("Our one-time codes are refused."),
	string(saltoremote.FindingBlocked):            iqText("No one-time codes are sent for a while, because some were wrong."),
	string(saltoremote.FindingIQOffline):          iqText("It is offline."),
	string(saltoremote.FindingUnclear):            iqText("Checking a code failed."),
	string(saltoremote.FindingClockSkew):          iqText("This machine's clock differs from SALTO's."),

	// The locks. The arguments are the name and the battery of the lock.
	"battery_low": {gate.Warning, "The battery of its lock %[1]q is %[2]q.", "When it is empty, the door no longer opens.",
		"Change the batteries."},
	"privacy_mode": {gate.Note, "Its lock %[1]q was put into privacy mode from inside.",
		"The lock may refuse digital keys until privacy mode ends.", "Nothing if a person is inside; otherwise end it at the lock."},
	"left_open_alarm": {gate.Warning, "Its lock %[1]q reports that the door is open.", "Anyone can enter.", "Close the door."},
	"intrusion_alarm": {gate.Warning, "Its lock %[1]q reports that the door was opened by force.", "Anyone may have entered.",
		"Look at the door, and end the alarm in SALTO KS."},
}

func iqText(what string) issueText { return issueText{gate.Critical, what, iqOpensNone, ""} }
