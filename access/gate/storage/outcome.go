package storage

// Outcome says what became of one request. The zero Outcome is no outcome and
// opens nothing.
type Outcome string

const (
	// Denied: the rules, a switch, an unlinked lock or an unactivated IQ said
	// no. Nothing was sent.
	Denied Outcome = "denied"
	// NotSent: something failed before the first byte of the command left.
	// Nothing moved and nothing will.
	NotSent Outcome = "not_sent"
	// Accepted: the lock system took the command.
	Accepted Outcome = "accepted"
	// Refused: the lock system answered that it does not do it. Nothing moved.
	Refused Outcome = "refused"
	// Unconfirmed: the command may have been sent and no clear answer came. The
	// door may have opened, or may yet.
	Unconfirmed Outcome = "unconfirmed"
	// Sending: a command was claimed and its outcome is not known yet. Only the
	// journal and the door log say so; a receipt never does.
	Sending Outcome = "sending"
)

// Valid reports whether o is one of the six.
func (o Outcome) Valid() bool {
	switch o {
	case Denied, NotSent, Accepted, Refused, Unconfirmed, Sending:
		return true
	}
	return false
}

// Settled reports whether o is final but for a later proof: every outcome but
// Sending.
func (o Outcome) Settled() bool { return o.Valid() && o != Sending }
