package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Receipt returns the receipt of a request of this member, or ErrNotFound.
// Receipts are kept for KeepReceipts. While the command is being sent, it is
// Unconfirmed with CauseStillSending.
func (g *Gate) Receipt(ctx context.Context, member, requestID string) (Receipt, error) {
	e, err := g.entry(ctx, storage.RequestKey{Site: g.site, Member: member, RequestID: requestID})
	if err != nil {
		return Receipt{}, err
	}
	return finish(e)
}

// Wait returns the receipt once its outcome is better known than now: it waits
// while the command is being sent, and while it is Unconfirmed. No later proof
// may ever come, so give ctx a limit; when it ends, Wait returns the receipt as
// it stands and the context's error.
func (g *Gate) Wait(ctx context.Context, member, requestID string) (Receipt, error) {
	e, err := g.entry(ctx, storage.RequestKey{Site: g.site, Member: member, RequestID: requestID})
	for err == nil && (e.Outcome == Sending || e.Outcome == Unconfirmed) {
		if e.Outcome == Sending {
			var next storage.JournalEntry
			if next, err = g.await(ctx, e); err == nil {
				next.RequestID, next.SharedWith = e.RequestID, e.SharedWith
				e = next
			}
			continue
		}
		var next storage.JournalEntry
		err = guard("Records", func() (err error) { next, err = g.records.Wait(ctx, commandKey(&e), Unconfirmed); return })
		if err == nil {
			next.RequestID, next.SharedWith = e.RequestID, e.SharedWith
			e = next
		}
	}
	if e.RequestID == "" {
		return Receipt{}, err
	}
	r, ferr := finish(e)
	if ferr == nil && err != nil && ctx.Err() != nil {
		return r, ctx.Err() // nothing else is wrong
	}
	return r, errors.Join(err, ferr)
}

// entry reads an entry; one that shares a command comes with that command's
// outcome, its own RequestID, and SharedWith set.
func (g *Gate) entry(ctx context.Context, key storage.RequestKey) (storage.JournalEntry, error) {
	m, err := g.look(ctx, key)
	if err != nil {
		return storage.JournalEntry{}, err
	}
	if m.SharedWith == "" {
		return m, nil
	}
	lead, err := g.look(ctx, storage.RequestKey{Site: key.Site, Member: key.Member, RequestID: m.SharedWith})
	if err != nil {
		return storage.JournalEntry{}, err
	}
	lead.RequestID, lead.SharedWith, lead.Fingerprint = m.RequestID, m.SharedWith, m.Fingerprint
	return lead, nil
}

func (g *Gate) look(ctx context.Context, key storage.RequestKey) (storage.JournalEntry, error) {
	var m storage.LookupResult
	err := guard("Records", func() (err error) { m, err = g.records.Lookup(ctx, key, ""); return })
	if err != nil {
		return storage.JournalEntry{}, err
	}
	if m.Entry == nil {
		return storage.JournalEntry{}, fmt.Errorf("gate: no request %q of this member, or none of the last 30 days: %w", key.RequestID, ErrNotFound)
	}
	return *m.Entry, nil
}

// commandKey is the key of the command that answers for e.
func commandKey(e *storage.JournalEntry) storage.RequestKey {
	if e.SharedWith == "" {
		return e.RequestKey
	}
	return storage.RequestKey{Site: e.Site, Member: e.Member, RequestID: e.SharedWith}
}

// answer is the receipt of an entry that was there before this call. It waits
// for an outcome under the caller's own context.
func (g *Gate) answer(ctx context.Context, p *unlockRequest, e storage.JournalEntry) (Receipt, error) {
	repeated := e.RequestID == p.tap.RequestID // else the claim was answered with the command shared
	shared := !repeated
	if repeated && e.Fingerprint != p.tap.fingerprint(p.action) {
		r := Receipt{Outcome: Denied, Cause: CauseRequestReused, At: g.clock(), Err: ErrRequestReused}
		g.note(ctx, p, &r)
		return r, ErrRequestReused
	}
	if e.SharedWith != "" {
		lead, err := g.entry(ctx, e.RequestKey)
		if err != nil { // there was a command
			return Receipt{Outcome: Unconfirmed, Cause: CauseStoreUnavailable, At: g.clock(), Shared: true, Repeated: repeated, Err: unavailable(err)}, nil
		}
		e, shared = lead, true
	}
	if e.Outcome == Sending {
		next, err := g.await(ctx, e)
		if err != nil {
			r, _ := finish(e)
			r.Shared, r.Repeated, r.Err = shared, repeated, err
			if ctx.Err() != nil {
				return r, context.Cause(ctx)
			}
			return r, nil
		}
		e = next
	}
	r, err := finish(e)
	r.Shared, r.Repeated, r.Err = shared, repeated, err
	return r, nil
}

// await waits until the command of e is not Sending any more. One whose process
// is lost it settles itself, as Recover would. A clock that fails or went back
// makes nobody wait for longer than a command may be under way.
func (g *Gate) await(ctx context.Context, e storage.JournalEntry) (next storage.JournalEntry, err error) {
	lost := min(max(e.SendBy.Add(staleAfter).Sub(g.clock()), 0), SendWithin+staleAfter)
	patient, cancel := context.WithTimeout(ctx, lost)
	defer cancel()
	err = guard("Records", func() (err error) { next, err = g.records.Wait(patient, commandKey(&e), Sending); return })
	if err == nil || ctx.Err() != nil || patient.Err() == nil {
		return next, err
	}
	e.RequestKey = commandKey(&e)
	if err := g.abandon(ctx, e); err != nil && !errors.Is(err, ErrConflict) {
		return storage.JournalEntry{}, err
	}
	return g.look(ctx, e.RequestKey)
}

// finish makes a receipt of an entry, whatever its state.
func finish(e storage.JournalEntry) (Receipt, error) {
	r, err := receiptOf(&e)
	r.Shared = e.SharedWith != ""
	if e.Outcome == Sending {
		r.Outcome, r.Cause, r.Recorded, r.At = Unconfirmed, CauseStillSending, false, e.Begun
	}
	return r, err
}

// Recover settles every command of the site that has lost its process as
// Unconfirmed, and returns how many. Call it when the host starts and once a
// minute; any number of processes may. Nothing is ever sent again.
func (g *Gate) Recover(ctx context.Context) (done int, err error) {
	defer contained("Recover", &err)
	const batch = 100
	for {
		list, err := g.records.Entries(ctx, storage.JournalQuery{Site: g.site, Outcome: Sending, SendByBefore: g.clock().Add(-staleAfter), Limit: batch})
		if err != nil {
			return done, err
		}
		for _, e := range list {
			switch err := g.abandon(ctx, e); {
			case err == nil:
				done++
			case !errors.Is(err, ErrConflict): // it was settled meanwhile
				return done, err
			}
		}
		if len(list) < batch {
			return done, nil
		}
	}
}

// abandon settles a command whose process is lost.
func (g *Gate) abandon(ctx context.Context, e storage.JournalEntry) error {
	d, p, err := g.reopen(e) // a document that does not read is no reason to leave it in Sending
	at := g.clock()
	if at.IsZero() {
		at = e.SendBy.Add(staleAfter)
	}
	r := Receipt{Outcome: Unconfirmed, Cause: CauseInterrupted, Decision: p.decision, At: at, Err: err}
	d.Cause, d.At = r.Cause, at
	s := storage.Settlement{RequestKey: e.RequestKey, Outcome: Unconfirmed, At: at, Doc: d.bytes(), Log: p.logEntry(&r, at, e.Seq)}
	if e.Action == access.OfficeMode {
		s.Hold = &Hold{Door: e.Door, Member: e.Member, RequestID: e.RequestID, Since: e.Begun, Uncertain: true}
	}
	return guard("Records", func() error { _, err := g.records.Settle(ctx, s); return err })
}

// reopen makes an unlockRequest of a journal entry. If the entry's document does not
// read, it is one without details, and an error.
func (g *Gate) reopen(e storage.JournalEntry) (doc, *unlockRequest, error) {
	d, err := readDoc(&e)
	p := &unlockRequest{
		tap:    Tap{RequestID: e.RequestID, Member: e.Member, Door: e.Door, TappedAt: d.TappedAt, Source: d.Source, Actor: d.Actor},
		action: e.Action, key: e.RequestKey, link: d.Link, zone: d.Zone, loc: g.zone(d.Zone), decision: d.decision(), evidence: access.Evidence(d.Evidence), entry: e,
	}
	return d, p, err
}

// Prune forgets receipts older than KeepReceipts. Call it once a day.
func (g *Gate) Prune(ctx context.Context) (n int, err error) {
	defer contained("Prune", &err)
	return g.records.Prune(ctx, g.site, g.clock().Add(-KeepReceipts))
}

func short(s string) string { return clean(s[:min(len(s), 500)]) }

// shortID is short for what is found by.
func shortID(s string) string { return clean(s[:min(len(s), 200)]) }

// clean makes of s what every storage keeps.
func clean(s string) string {
	if storage.ValidText(s) {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
}
