package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// Receipt returns the receipt of a request of this member, or ErrNotFound.
// Receipts are kept for KeepReceipts. While the command is being sent, it is
// Unconfirmed with CauseStillSending. A storage that does not answer within SendWithin is
// an error.
func (g *Gate) Receipt(ctx context.Context, member, requestID string) (Receipt, error) {
	e, err := g.entry(ctx, storage.RequestKey{Site: g.c.Site, Member: member, RequestID: requestID})
	if err != nil {
		return Receipt{}, err
	}
	return receiptOf(e)
}

// Wait returns the receipt once its outcome is final. It waits while the command is
// being sent, and while the outcome is Unconfirmed. An outcome may stay Unconfirmed, so
// give ctx a deadline: when ctx ends, Wait returns the current receipt and the
// context's error. It also returns if the storage does not answer a read within SendWithin.
func (g *Gate) Wait(ctx context.Context, member, requestID string) (Receipt, error) {
	e, err := g.entry(ctx, storage.RequestKey{Site: g.c.Site, Member: member, RequestID: requestID})
	if err != nil {
		return Receipt{}, err
	}
	for err == nil && (e.Outcome == Sending || e.Outcome == Unconfirmed) {
		e, err = g.await(ctx, e)
	}
	r, unreadable := receiptOf(e)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // there is no other error
	}
	return r, errors.Join(err, unreadable)
}

// entry reads an entry. If the entry shares a command, the result has that command's
// outcome, its own RequestID, and SharedWith set.
func (g *Gate) entry(ctx context.Context, key storage.RequestKey) (storage.JournalEntry, error) {
	e, err := g.look(ctx, key)
	if err != nil || e.SharedWith == "" {
		return e, err
	}
	return g.shared(ctx, e)
}

// shared returns an entry that shares a command, with that command's outcome.
func (g *Gate) shared(ctx context.Context, e storage.JournalEntry) (storage.JournalEntry, error) {
	lead, err := g.look(ctx, commandKey(&e))
	if err != nil {
		return storage.JournalEntry{}, err
	}
	lead.RequestID, lead.SharedWith = e.RequestID, e.SharedWith
	return lead, nil
}

func (g *Gate) look(ctx context.Context, key storage.RequestKey) (storage.JournalEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, SendWithin)
	defer cancel()
	m, err := containValue("Records", func() (storage.LookupResult, error) { return g.c.Records.Lookup(ctx, key, "") })
	if err != nil {
		return storage.JournalEntry{}, err
	}
	if m.Entry == nil {
		const format = "gate: no request %q of this member, or none of the last 30 days: %w"
		return storage.JournalEntry{}, fmt.Errorf(format, key.RequestID, ErrNotFound)
	}
	return *m.Entry, nil
}

// commandKey returns the key of the command whose outcome is that of e.
func commandKey(e *storage.JournalEntry) storage.RequestKey {
	if e.SharedWith == "" {
		return e.RequestKey
	}
	return storage.RequestKey{Site: e.Site, Member: e.Member, RequestID: e.SharedWith}
}

// answer ends a request with the receipt of an entry that was stored before. It
// waits for an outcome under the caller's own context.
func (g *Gate) answer(ctx context.Context, d decided, e storage.JournalEntry) *ended {
	repeated := e.RequestID == d.tap.RequestID // otherwise e is the command that this tap shares
	if repeated && e.Fingerprint != d.tap.fingerprint(d.action) {
		r := Receipt{Outcome: Denied, Cause: CauseRequestReused, At: g.clock(), Err: ErrRequestReused}
		g.note(ctx, d, &r)
		return &ended{r, d.link, ErrRequestReused}
	}
	shared := !repeated || e.SharedWith != ""
	var err error
	if e.SharedWith != "" {
		if e, err = g.shared(ctx, e); err != nil { // a command may have been sent
			r := Receipt{Outcome: Unconfirmed, Cause: CauseStoreUnavailable, At: g.clock(), Shared: true, Repeated: repeated, Err: unavailable(err)}
			return &ended{receipt: r, link: d.link}
		}
	}
	if e.Outcome == Sending {
		e, err = g.await(ctx, e)
	}
	r, unreadable := receiptOf(e)
	r.Shared, r.Repeated, r.Err = shared, repeated, errors.Join(err, unreadable)
	if err != nil && ctx.Err() != nil {
		return &ended{r, d.link, context.Cause(ctx)}
	}
	return &ended{receipt: r, link: d.link}
}

// await returns e with the next outcome of its command, or e itself with an error. If
// the process that was sending the command ended, await settles the command, as Recover
// would. If the clock fails or was set back, it waits no longer than a command can be in
// progress.
func (g *Gate) await(ctx context.Context, e storage.JournalEntry) (storage.JournalEntry, error) {
	key, waiting := commandKey(&e), ctx
	if e.Outcome == Sending {
		lost := min(max(e.SendBy.Add(staleAfter).Sub(g.clock()), 0), SendWithin+staleAfter)
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, lost)
		defer cancel()
	}
	next, err := containValue("Records", func() (storage.JournalEntry, error) { return g.c.Records.Wait(waiting, key, e.Outcome) })
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		command := e
		command.RequestKey = key
		if err = g.abandon(ctx, command); err == nil || errors.Is(err, ErrConflict) {
			next, err = g.look(ctx, key)
		}
	}
	if err != nil {
		return e, err
	}
	next.RequestID, next.SharedWith = e.RequestID, e.SharedWith
	return next, nil
}

// Recover settles every command of the site whose process ended as Unconfirmed, and
// returns how many. Call it when the host starts and once a minute; any number of
// processes may call it. Nothing is ever sent again.
func (g *Gate) Recover(ctx context.Context) (settled int, err error) {
	defer containIn("Recover", &err)
	query := storage.JournalQuery{Site: g.c.Site, Outcome: Sending, SendByBefore: g.clock().Add(-staleAfter), Limit: allEntries}
	list, err := g.c.Records.Entries(ctx, query)
	for _, e := range list {
		switch err := g.abandon(ctx, e); {
		case err == nil:
			settled++
		case !errors.Is(err, ErrConflict): // a conflict: it was settled meanwhile
			return settled, err
		}
	}
	return settled, err
}

// abandon settles a command whose process ended.
func (g *Gate) abandon(ctx context.Context, e storage.JournalEntry) error {
	c, unreadable := g.reopen(e) // it is settled nevertheless
	at := g.clock()
	if at.IsZero() {
		at = e.SendBy.Add(staleAfter)
	}
	r := c.receipt(Unconfirmed, at)
	r.Cause, r.Err = CauseInterrupted, unreadable
	s := g.settlement(c, &r, at)
	ctx, cancel := context.WithTimeout(ctx, WriteWithin)
	defer cancel()
	return contain("Records", func() error { _, err := g.c.Records.Settle(ctx, s); return err })
}

// reopen converts a journal entry to a claimed, to settle it.
func (g *Gate) reopen(e storage.JournalEntry) (claimed, error) {
	c, doc, err := reopen(e)
	c.loc = g.c.Zones.load(doc.Zone, g.clock())
	return c, err
}

// reopen converts a journal entry to a claimed without its zone. If the entry's
// document cannot be read, the result has no decision and no link, and there is an
// error.
func reopen(e storage.JournalEntry) (claimed, entryDoc, error) {
	doc, err := readDoc(&e)
	tap := Tap{RequestID: e.RequestID, Member: e.Member, Door: e.Door, TappedAt: doc.TappedAt, Source: doc.Source, Actor: doc.Actor}
	d := decided{
		request:  request{tap, e.Action, e.RequestKey},
		decision: doc.decision(), evidence: doc.Evidence, reservation: doc.Reservation, link: doc.Link,
	}
	return claimed{d, e}, doc, err
}

// Prune removes receipts older than KeepReceipts. Call it once a day.
func (g *Gate) Prune(ctx context.Context) (removed int, err error) {
	defer containIn("Prune", &err)
	return g.c.Records.Prune(ctx, g.c.Site, g.clock().Add(-KeepReceipts))
}

// entryDoc is the part of a request that a journal entry keeps in its document.
type entryDoc struct {
	Allowed     bool                     `json:"allowed,omitempty"`
	Reason      access.Reason            `json:"reason,omitempty"`
	ValidUntil  time.Time                `json:"valid_until,omitzero"`
	NextChange  time.Time                `json:"next_change,omitzero"`
	RelockAfter time.Duration            `json:"relock_after,omitempty"`
	Revision    string                   `json:"revision,omitempty"`
	Cause       Cause                    `json:"cause,omitempty"`
	Condition   *UnmetCondition          `json:"condition,omitempty"`
	At          time.Time                `json:"at,omitzero"`     // if it is not when the entry was settled
	Visit       string                   `json:"visit,omitempty"` // the key of the check-in
	Day         string                   `json:"day,omitempty"`   // its day
	Actor       string                   `json:"actor,omitempty"`
	Lock        string                   `json:"lock,omitempty"` // without a Link
	Source      Source                   `json:"source,omitempty"`
	TappedAt    time.Time                `json:"tapped_at,omitzero"`
	Link        Link                     `json:"link,omitzero"`
	Evidence    access.Evidence          `json:"evidence,omitzero"`
	Reservation *reservation.Reservation `json:"reservation,omitempty"`
	Zone        string                   `json:"zone,omitempty"` // for the day of a check-in that is proven later
}

// entryDoc returns what a receipt needs, and what is needed to settle the entry later. What
// it omits remains in the door log until the person is erased.
func (d decided) entryDoc(r *Receipt) entryDoc {
	doc := entryDoc{
		Allowed: d.decision.Allowed, Reason: d.decision.Reason, ValidUntil: d.decision.ValidUntil, NextChange: d.decision.NextChange,
		RelockAfter: d.decision.RelockAfter, Revision: d.decision.Revision, Cause: r.Cause, Condition: r.Condition,
	}
	switch r.Outcome {
	case Sending, Unconfirmed:
		doc.Actor, doc.Source, doc.TappedAt, doc.Link = d.tap.Actor, d.tap.Source, d.tap.TappedAt, logged(d.link)
		doc.Evidence, doc.Reservation = d.evidence, d.reservation
		if d.loc != nil {
			doc.Zone = d.loc.String()
		}
	case Accepted: // the entries of the lock system's log are compared with it
		doc.Actor, doc.Lock = d.tap.Actor, d.link.Lock
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
