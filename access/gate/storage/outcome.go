package storage

// Outcome is the result of one request. The zero Outcome is not valid and opens
// nothing.
type Outcome string

const (
	// Denied means that the rules, the kill switch, an unlinked lock or an unactivated IQ
	// refused it. Nothing was sent.
	Denied Outcome = "denied"
	// NotSent means that something failed before the first byte of the command was written.
	// Nothing moved and nothing will.
	NotSent Outcome = "not_sent"
	// Accepted means that the lock system accepted the command.
	Accepted Outcome = "accepted"
	// Refused means that the lock system answered that it does not execute it. Nothing moved.
	Refused Outcome = "refused"
	// Unconfirmed means that the command may have been sent and no clear answer came.
	// The door may have opened, or may still open.
	Unconfirmed Outcome = "unconfirmed"
	// Sending means that a command was claimed and its outcome is not known yet. Only the
	// journal and the door log contain it; a receipt never does.
	Sending Outcome = "sending"
)

// Valid reports whether o is one of the six outcomes.
func (o Outcome) Valid() bool {
	switch o {
	case Denied, NotSent, Accepted, Refused, Unconfirmed, Sending:
		return true
	}
	return false
}

// Settled reports whether o is final: every outcome but Sending. An
// Unconfirmed outcome may still become Accepted, Refused or NotSent.
func (o Outcome) Settled() bool { return o.Valid() && o != Sending }
