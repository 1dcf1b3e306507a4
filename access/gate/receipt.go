package gate

import (
	"cmp"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Receipt is the result of one request. It is always safe to show: the zero Receipt
// opened nothing.
type Receipt struct {
	RequestID string        `json:"request_id"`
	Member    string        `json:"member"`
	Door      string        `json:"door"`
	Action    access.Action `json:"action"`
	Outcome   Outcome       `json:"outcome"`
	// Decision is the decision of the rules; zero if they were not evaluated. A
	// Decision that was read from the journal has no Evidence.
	Decision access.Decision `json:"decision,omitzero"`
	// Cause is the reason outside the rules, if there is one.
	Cause Cause `json:"cause,omitempty"`
	// Condition is set with CauseCondition: the condition that was not met.
	Condition *UnmetCondition `json:"condition,omitempty"`
	// At is when the outcome became known. An accepted command moved the lock at about
	// this time.
	At time.Time `json:"at,omitzero"`
	// RelockAt is when an accepted unlock is expected to be locked again by the
	// lock itself; zero for anything else.
	RelockAt time.Time `json:"relock_at,omitzero"`
	// CheckIn is the check-in that this request counts toward, made by it or by an
	// earlier request. Its Key identifies it; in a Repeated receipt, its RequestID and At
	// are those of this request, even if an earlier one made it.
	CheckIn *CheckIn `json:"check_in,omitempty"`
	// Recorded reports that the journal and the door log hold this outcome. When
	// it is false, this Receipt is the only record: keep it.
	Recorded bool `json:"recorded"`
	// Shared reports that an identical tap within ShareWithin sent the command.
	Shared bool `json:"shared,omitempty"`
	// Repeated reports that the same request was made before: this is its receipt, read
	// from the journal.
	Repeated bool `json:"repeated,omitempty"`
	// LogRow is the number of the attempt or denial in the door log; 0 for none.
	LogRow uint64 `json:"log_row,omitempty"`
	// Err is what went wrong, for staff; nil for a receipt read from the journal.
	Err error `json:"-"`
}

// Opened reports whether the command was accepted. It is false for Unconfirmed,
// although the door may have opened.
func (r Receipt) Opened() bool { return r.Outcome == Accepted }

// Message returns one short English sentence for the member. To translate it,
// use Outcome, Cause, Condition and Decision.Reason.
func (r Receipt) Message() string {
	if r.Condition != nil && r.Condition.Message != "" {
		return r.Condition.Message
	}
	if m := r.Cause.Message(); m != "" {
		return m
	}
	switch {
	case r.Outcome == Accepted && r.Action == access.Lock:
		return "The door is locked."
	case r.Outcome == Accepted && r.Action == access.OfficeMode:
		return "The door stays open until you lock it."
	case r.Outcome == Accepted:
		return "The door is open."
	case r.Outcome == Denied && r.Decision.Reason != "":
		return r.Decision.Message()
	case r.Outcome == Unconfirmed:
		return CauseNoAnswer.Message()
	}
	return CauseInternal.Message()
}

// reason is the code in the door log's public part.
func (r *Receipt) reason() string {
	switch {
	case r.Condition != nil:
		return r.Condition.Code
	case r.Cause != "":
		return string(r.Cause)
	}
	return string(r.Decision.Reason)
}

// receiptOf returns the receipt of an entry. While the command is being sent, it is
// Unconfirmed.
func receiptOf(e storage.JournalEntry) (Receipt, error) {
	c, doc, err := reopen(e)
	r := c.receipt(e.Outcome, cmp.Or(doc.At, e.Settled))
	r.Recorded, r.Shared, r.Cause, r.Condition = true, e.SharedWith != "", doc.Cause, doc.Condition
	if doc.Visit != "" {
		r.CheckIn = &CheckIn{Member: e.Member, Key: doc.Visit, Door: e.Door, Action: e.Action, RequestID: commandKey(&e).RequestID,
			At: r.At, Day: doc.Day}
	}
	if e.Outcome == Sending {
		r.Outcome, r.Cause, r.Recorded, r.At = Unconfirmed, CauseStillSending, false, e.Begun
	}
	return r, err
}
