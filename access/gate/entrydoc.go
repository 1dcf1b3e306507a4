package gate

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// entryDoc is the part of a request that a journal entry keeps in its document.
type entryDoc struct {
	Source      Source                   `json:"source"`
	Actor       string                   `json:"actor,omitempty"`
	TappedAt    time.Time                `json:"tapped_at"`
	Allowed     bool                     `json:"allowed,omitempty"`
	Reason      access.Reason            `json:"reason,omitempty"`
	ValidUntil  time.Time                `json:"valid_until,omitzero"`
	NextChange  time.Time                `json:"next_change,omitzero"`
	RelockAfter time.Duration            `json:"relock_after,omitempty"`
	Revision    string                   `json:"revision,omitempty"`
	Evidence    access.Evidence          `json:"evidence,omitzero"`
	Reservation *reservation.Reservation `json:"reservation,omitempty"`
	Cause       Cause                    `json:"cause,omitempty"`
	Condition   *UnmetCondition          `json:"condition,omitempty"`
	At          time.Time                `json:"at,omitzero"`
	RelockAt    time.Time                `json:"relock_at,omitzero"`
	Link        Link                     `json:"link,omitzero"`
	Zone        string                   `json:"zone,omitempty"`
	CheckIn     *CheckIn                 `json:"check_in,omitempty"`
}

func (d decided) entryDoc(r *Receipt) entryDoc {
	doc := entryDoc{
		Source: d.tap.Source, Actor: d.tap.Actor, TappedAt: d.tap.TappedAt,
		Allowed: d.decision.Allowed, Reason: d.decision.Reason, ValidUntil: d.decision.ValidUntil, NextChange: d.decision.NextChange,
		RelockAfter: d.decision.RelockAfter, Revision: d.decision.Revision, Evidence: d.evidence, Reservation: d.reservation,
		Cause: r.Cause, Condition: r.Condition, At: r.At, RelockAt: r.RelockAt, Link: logged(d.link),
	}
	if d.loc != nil {
		doc.Zone = d.loc.String() // for the day of a check-in that is proven later
	}
	return doc
}

func (d entryDoc) decision() access.Decision {
	return access.Decision{
		Allowed: d.Allowed, Reason: d.Reason, ValidUntil: d.ValidUntil, NextChange: d.NextChange,
		RelockAfter: d.RelockAfter, Revision: d.Revision,
	}
}

// encode returns v as JSON.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		// Only an instant outside the years 0 to 9999 fails, and no tap, clock or
		// decision has one.
		data = []byte("{}")
	}
	return data
}

func readDoc(e *storage.JournalEntry) (entryDoc, error) {
	var d entryDoc
	if err := json.Unmarshal(e.Doc, &d); err != nil {
		return entryDoc{}, fmt.Errorf("gate: the journal's document for request %q is unreadable: %w", e.RequestID, err)
	}
	return d, nil
}

// logged returns the part of a link that receipts and log rows keep. It omits who
// linked the lock: erasing that person would not change the rows of the members who use
// the door.
func logged(l Link) Link {
	l.LinkedBy, l.LinkedAt = "", time.Time{}
	return l
}
