package gate

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Receipt says what became of one request. It is always safe to show: the zero
// Receipt opened nothing.
type Receipt struct {
	RequestID string        `json:"request_id"`
	Member    string        `json:"member"`
	Door      string        `json:"door"`
	Action    access.Action `json:"action"`
	Outcome   Outcome       `json:"outcome"`
	// Decision is what the rules said; its zero value when they were not asked.
	// One that was read back from the journal has no Evidence.
	Decision access.Decision `json:"decision,omitzero"`
	// Cause is what stood in the way outside the rules.
	Cause Cause `json:"cause,omitempty"`
	// At is when the outcome was known; an Accepted one moved the lock about then.
	At time.Time `json:"at"`
	// RelockAt is when an accepted unlock is expected to be locked again by the
	// lock itself; zero for anything else.
	RelockAt time.Time `json:"relock_at,omitzero"`
	// CheckIn is the check-in this visit counts under, made by this request or
	// by an earlier one.
	CheckIn *CheckIn `json:"check_in,omitempty"`
	// Recorded says that the journal and the door log hold this outcome. When it
	// is false, this Receipt is all there is: keep it.
	Recorded bool `json:"recorded"`
	// Shared says that an identical tap within two seconds sent the command.
	Shared bool `json:"shared,omitempty"`
	// Repeated says that the request had come before: this is its receipt, read
	// from the journal.
	Repeated bool `json:"repeated,omitempty"`
	// LogRow is the number of the attempt or denial in the door log; 0 for none.
	LogRow uint64 `json:"log_row,omitempty"`
	// Err is what went wrong, for staff; nil for a receipt read from the journal.
	Err error `json:"-"`
}

// Opened reports whether the command was accepted. It is false for Unconfirmed,
// where nobody knows.
func (r Receipt) Opened() bool { return r.Outcome == Accepted }

// Message is one short English sentence for the member. Hosts translate by
// Outcome, Cause and Decision.Reason.
func (r Receipt) Message() string {
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

// reason is what the door log's public part says.
func (r *Receipt) reason() string {
	if r.Cause != "" {
		return string(r.Cause)
	}
	return string(r.Decision.Reason)
}

// doc is what a journal entry keeps of a receipt beside its columns.
type doc struct {
	Source      Source        `json:"source"`
	Actor       string        `json:"actor,omitempty"`
	TappedAt    time.Time     `json:"tapped_at"`
	Allowed     bool          `json:"allowed,omitempty"`
	Reason      access.Reason `json:"reason,omitempty"`
	ValidUntil  time.Time     `json:"valid_until,omitzero"`
	NextChange  time.Time     `json:"next_change,omitzero"`
	RelockAfter time.Duration `json:"relock_after,omitempty"`
	Revision    string        `json:"revision,omitempty"`
	Evidence    evidence      `json:"evidence,omitzero"`
	Cause       Cause         `json:"cause,omitempty"`
	At          time.Time     `json:"at,omitzero"`
	RelockAt    time.Time     `json:"relock_at,omitzero"`
	Link        Link          `json:"link,omitzero"`
	Zone        string        `json:"zone,omitempty"`
	CheckIn     *storedVisit  `json:"check_in,omitempty"`
}

// storedVisit is a CheckIn under the names that journals hold.
type storedVisit struct {
	Member, Key, Door string
	Action            access.Action
	RequestID         string
	At                time.Time
	Day               string
}

type evidence struct {
	Memberships  []string `json:"memberships,omitempty"`
	Grants       []string `json:"grants,omitempty"`
	Reservations []string `json:"reservations,omitempty"`
}

// bytes returns d as JSON, with no room to spare: it may be kept for long.
func (d *doc) bytes() []byte {
	var space [1024]byte
	return bytes.Clone(d.append(space[:0]))
}

// append writes d as JSON. By hand, because it is on the way of every unlock.
func (d *doc) append(b []byte) []byte {
	o := object(append(b, '{'))
	o = o.str("source", string(d.Source))
	o = o.str("actor", d.Actor)
	o = o.time("tapped_at", d.TappedAt)
	if d.Allowed {
		o = o.raw("allowed", "true")
	}
	o = o.str("reason", string(d.Reason))
	o = o.time("valid_until", d.ValidUntil)
	o = o.time("next_change", d.NextChange)
	o = o.int("relock_after", int64(d.RelockAfter))
	o = o.str("revision", d.Revision)
	o = o.evidence("evidence", d.Evidence)
	o = o.str("cause", string(d.Cause))
	o = o.time("at", d.At)
	o = o.time("relock_at", d.RelockAt)
	o = o.link("link", d.Link)
	o = o.str("zone", d.Zone)
	if c := d.CheckIn; c != nil {
		o = append(o.key("check_in"), '{')
		o = o.str("Member", c.Member)
		o = o.str("Key", c.Key)
		o = o.str("Door", c.Door)
		o = o.str("Action", string(c.Action))
		o = o.str("RequestID", c.RequestID)
		o = o.time("At", c.At)
		o = o.str("Day", c.Day)
		o = append(o, '}')
	}
	return append(o, '}')
}

func (d *doc) decide(dec access.Decision, ev access.Evidence) {
	d.Allowed, d.Reason, d.ValidUntil, d.NextChange = dec.Allowed, dec.Reason, dec.ValidUntil, dec.NextChange
	d.RelockAfter, d.Revision = dec.RelockAfter, dec.Revision
	d.Evidence = evidence{ev.Memberships, ev.Grants, ev.Reservations}
}

func (d *doc) decision() access.Decision {
	return access.Decision{Allowed: d.Allowed, Reason: d.Reason, ValidUntil: d.ValidUntil, NextChange: d.NextChange, RelockAfter: d.RelockAfter, Revision: d.Revision}
}

func readDoc(e *storage.JournalEntry) (d doc, err error) {
	if err := json.Unmarshal(e.Doc, &d); err != nil {
		return doc{}, fmt.Errorf("gate: the journal's document for request %q does not read: %w", e.RequestID, err)
	}
	return d, nil
}

// receiptOf makes the receipt of a settled entry.
func receiptOf(e *storage.JournalEntry) (Receipt, error) {
	r := Receipt{RequestID: e.RequestID, Member: e.Member, Door: e.Door, Action: e.Action, Outcome: e.Outcome, Recorded: true, LogRow: e.Seq, At: e.Settled}
	d, err := readDoc(e)
	if err != nil {
		return r, err
	}
	r.Decision = d.decision()
	r.Cause, r.RelockAt, r.CheckIn = d.Cause, d.RelockAt, (*CheckIn)(d.CheckIn)
	if !d.At.IsZero() {
		r.At = d.At
	}
	return r, nil
}

// LogDetail is the part of a door log row that says who it was. It can be
// erased; the row stays.
type LogDetail struct {
	Member    string    `json:"member,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	Source    Source    `json:"source,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	TappedAt  time.Time `json:"tapped_at,omitzero"`
	// Memberships, Grants and Reservations are the evidence of the decision.
	Memberships  []string `json:"memberships,omitempty"`
	Grants       []string `json:"grants,omitempty"`
	Reservations []string `json:"reservations,omitempty"`
	Revision     string   `json:"revision,omitempty"`
	Link         Link     `json:"link,omitzero"`
	// Note is what staff may want to know: an error, a reason given by hand.
	Note string `json:"note,omitempty"`
}

// ReadDetail decodes the detail of a row; ok is false when it was erased.
func ReadDetail(row LogRow) (d LogDetail, ok bool, err error) {
	if len(row.Detail) == 0 {
		return d, false, nil
	}
	if err := json.Unmarshal(row.Detail, &d); err != nil {
		return LogDetail{}, false, fmt.Errorf("gate: the detail of log row %d does not read: %w", row.Seq, err)
	}
	return d, true, nil
}

const saltSize = 16

// seal fills the secret part of e from d.
func (d *LogDetail) seal(e storage.LogEntry) storage.LogEntry {
	e.Member, e.Actor = d.Member, d.Actor
	return sealEntry(e, d.bytes())
}

// sealEntry fills the rest of the secret part: canonical JSON, salt, commitment.
func sealEntry(e storage.LogEntry, detail []byte) storage.LogEntry {
	e.Detail, e.Salt = detail, make([]byte, saltSize)
	rand.Read(e.Salt) // never fails (crypto/rand)
	e.Commitment = storage.Commitment(e.Salt, detail)
	return e
}

// bytes returns d as canonical JSON, with no room to spare.
func (d *LogDetail) bytes() []byte {
	var space [1024]byte
	o := object(append(space[:0], '{'))
	o = o.str("member", d.Member)
	o = o.str("actor", d.Actor)
	o = o.str("source", string(d.Source))
	o = o.str("request_id", d.RequestID)
	o = o.time("tapped_at", d.TappedAt)
	o = o.list("memberships", d.Memberships)
	o = o.list("grants", d.Grants)
	o = o.list("reservations", d.Reservations)
	o = o.str("revision", d.Revision)
	o = o.link("link", d.Link)
	o = o.str("note", d.Note)
	return bytes.Clone(append(o, '}'))
}
