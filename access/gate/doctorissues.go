package gate

import "fmt"

const (
	nothingOpens = "No digital key opens any door."
	staysShut    = "The door does not open."
)

// issueText describes an issue. What is a format.
type issueText struct {
	severity         Severity
	what, breaks, do string
}

// issue returns the issue with this code. args are those of its What.
func issue(code, about string, args ...any) Issue {
	t := issueTexts[code]
	return Issue{Code: code, Severity: t.severity, About: about, What: fmt.Sprintf(t.what, args...), Breaks: t.breaks, Do: t.do}
}

// issueTexts are the issues that Doctor finds itself, by code. Those about bad facts
// are in rowFault.issue.
var issueTexts = map[string]issueText{
	// The examination and the gate's own records.
	"cloud_unavailable": {Critical, "The lock system cannot be reached: %v.", nothingOpens,
		"Check this machine's network and the status page of the lock system."},
	"not_checked": {Warning, "It could not be examined: %v.", "Problems there are not reported.", "Fix that, then call Doctor again."},
	"store_not_durable": {Warning, "The storage loses everything when the process ends.",
		"Receipts, door log and office mode are lost at a restart.", "Use sqlstore, with a file or PostgreSQL, for anything but a test."},
	"switched_off": {Critical, "The site has been switched off since %s (%s).", "No digital key opens any door; locking works.",
		"Switch it on again when the reason is gone."},
	"not_recovered": {Warning, "A command has been in the state sending for more than an hour.",
		"The member does not learn that the outcome is unknown.", "Call Recover when the host starts and once a minute."},
	"log_changed": {Critical, "%v.", "The door log no longer proves what happened.",
		"Find out who changed the database. Compare the log with its last backup and with the heads that were exported."},
	"log_not_verified": {Note, "%d rows of the door log were verified in %v, and more are left.",
		"A change in the rows that are left is not reported.", "Run a Runner, whose job verify does it once a day, or call storage.VerifyNew."},
	"door_left_open": {Warning, "It has been in office mode since %s%s.", "The door may be open for everyone.",
		"Lock it. To prevent it, call CloseOfficeMode once a minute with RightEnded, and at closing time."},

	// The facts.
	"unknown_site": {Critical, "The storage has no rules for site %q.", nothingOpens, "Correct Config.Site, or write the rules of this site."},
	"grant_without_membership": {Warning, "It requires an active membership, and its member has none.", "The member finds a locked door.",
		"Give the member a membership, or set requires_membership of the grant to false."},
	"not_linked": {Warning, "No lock is linked to it.", staysShut, "Link a lock, or delete the door."},
	"door_without_rules": {Note, "No membership type, grant or resource names it.", "The door opens for no member.",
		"Add it to a membership type, a resource, or a grant."},
	"office_mode_on_entrance": {Warning, "Members may put it into office mode, and it looks like a shared entrance.",
		"One member can leave the door open for everyone.",
		"Make it access only: office mode is for private offices and for rooms that are booked."},

	// The locks.
	"lock_gone": {Critical, "Its lock %q is no longer on the SALTO site.", staysShut,
		"Link another lock, or check the connection: it may be for another site."},
	"lock_without_iq": {Critical, "Its lock %q is attached to no IQ.", "No command reaches it.",
		"Attach the lock to an IQ in SALTO KS, then call Doors.RefreshLinks."},
	"link_outdated": {Critical, "Its lock %q moved to another IQ, or its IQ changed whether it requires one-time codes.",
		"Commands are refused.", "Call Doors.RefreshLinks; name and rules stay."},
	"lock_offline": {Critical, "Its lock %q does not reach its IQ.", "No digital key opens the door.",
		"Check the lock's batteries, and the distance to the IQ (up to about 10 m)."},
	"schedule_opens": {Warning, "SALTO's schedule opens this door automatically (%s).",
		"The door is open for everyone at these times, regardless of the rules.",
		"Switch off the automatic start in SALTO KS, unless it is intended."},
	"schedule_opens_outside_hours": {Critical,
		"SALTO's schedule opens this door automatically when no membership type and no grant opens it (%s).",
		"The door is open for everyone at these times.",
		"Switch off the automatic start in SALTO KS, or correct its hours or the hours here."},
	"schedule_conflict": {Note, "SALTO's schedule locks this door at %s while the %s opens it until %s.",
		"Office mode ends at that time; unlocking with a digital key still works.",
		"Change the schedule in SALTO KS, or the hours here, unless it is intended."},
}
