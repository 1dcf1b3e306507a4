package gate

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// LogDetail is the part of a door log row that identifies a person. It can be
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
	// Note is for staff: an error, a reason given by hand.
	Note string `json:"note,omitempty"`
}

// ReadDetail decodes the detail of a row; ok is false when it was erased.
func ReadDetail(row LogRow) (d LogDetail, ok bool, err error) {
	if len(row.Detail) == 0 {
		return d, false, nil
	}
	if err := json.Unmarshal(row.Detail, &d); err != nil {
		return LogDetail{}, false, fmt.Errorf("gate: the detail of log row %d is unreadable: %w", row.Seq, err)
	}
	return d, true, nil
}

// logEntry returns the row of the door log about d. ref is the row of the attempt, 0
// for the attempt itself.
func (d decided) logEntry(r *Receipt, at time.Time, ref uint64) storage.LogEntry {
	detail := LogDetail{
		Member: d.tap.Member, Actor: d.tap.Actor, Source: d.tap.Source, RequestID: d.tap.RequestID, TappedAt: d.tap.TappedAt,
		Memberships: d.evidence.Memberships, Grants: d.evidence.Grants, Reservations: d.evidence.Reservations,
		Revision: d.decision.Revision, Link: d.link,
	}
	if r.Err != nil {
		detail.Note = short(r.Err.Error())
	} else if faults := d.decision.Faults(); faults != nil {
		detail.Note = short((&access.FactsError{Faults: faults}).Error())
	}
	return detail.seal(storage.LogEntry{At: at, Ref: ref, Door: d.tap.Door, Action: string(d.action), Outcome: r.Outcome, Reason: r.reason()})
}

// seal adds the secret part of a row: the detail, its salt and their commitment.
func (d LogDetail) seal(e storage.LogEntry) storage.LogEntry {
	d.Link = logged(d.Link)
	e.Member, e.Actor = d.Member, d.Actor
	e.Detail, e.Salt = encode(d), make([]byte, 16)
	rand.Read(e.Salt) // never fails
	e.Commitment = storage.Commitment(e.Salt, e.Detail)
	return e
}

// short returns s as a text that every storage accepts: valid UTF-8 without NUL, at
// most 500 bytes.
func short(s string) string { return clean(s[:min(len(s), 500)]) }

// shortID is like short, with the limit of an id: 200 bytes.
func shortID(s string) string { return clean(s[:min(len(s), 200)]) }

func clean(s string) string {
	if storage.ValidText(s) {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
}
