package gate

import (
	"context"
	"errors"
	"fmt"

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
	return receiptOf(e)
}

// Wait returns the receipt once its outcome is final. It waits while the command is
// being sent, and while the outcome is Unconfirmed. An outcome may stay Unconfirmed, so
// give ctx a deadline: when ctx ends, Wait returns the current receipt and the
// context's error.
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
		err = contain("Records", func() (err error) { next, err = g.records.Wait(ctx, commandKey(&e), Unconfirmed); return })
		if err == nil {
			next.RequestID, next.SharedWith = e.RequestID, e.SharedWith
			e = next
		}
	}
	if e.RequestID == "" {
		return Receipt{}, err
	}
	r, ferr := receiptOf(e)
	if ferr == nil && err != nil && ctx.Err() != nil {
		return r, ctx.Err() // there is no other error
	}
	return r, errors.Join(err, ferr)
}

// entry reads an entry. If the entry shares a command, the result has that command's
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
	err := contain("Records", func() (err error) { m, err = g.records.Lookup(ctx, key, ""); return })
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
	if e.SharedWith != "" {
		lead, err := g.entry(ctx, e.RequestKey)
		if err != nil { // a command may have been sent
			r := Receipt{Outcome: Unconfirmed, Cause: CauseStoreUnavailable, At: g.clock(), Shared: true, Repeated: repeated, Err: unavailable(err)}
			return &ended{receipt: r, link: d.link}
		}
		e = lead
	}
	var waited error
	if e.Outcome == Sending {
		var settled storage.JournalEntry
		if settled, waited = g.await(ctx, e); waited == nil {
			e = settled
		}
	}
	r, err := receiptOf(e)
	r.Shared, r.Repeated, r.Err = shared, repeated, errors.Join(waited, err)
	if waited != nil && ctx.Err() != nil {
		return &ended{r, d.link, context.Cause(ctx)}
	}
	return &ended{receipt: r, link: d.link}
}

// await waits until the command of e is no longer Sending. If the command's process
// ended, await settles the command, as Recover would. If the clock fails or was set
// back, it waits no longer than a command can be in progress.
func (g *Gate) await(ctx context.Context, e storage.JournalEntry) (next storage.JournalEntry, err error) {
	e.RequestKey = commandKey(&e)
	lost := min(max(e.SendBy.Add(staleAfter).Sub(g.clock()), 0), SendWithin+staleAfter)
	waiting, cancel := context.WithTimeout(ctx, lost)
	defer cancel()
	err = contain("Records", func() (err error) { next, err = g.records.Wait(waiting, e.RequestKey, Sending); return })
	if err == nil || ctx.Err() != nil || waiting.Err() == nil {
		return next, err
	}
	if err := g.abandon(ctx, e); err != nil && !errors.Is(err, ErrConflict) {
		return storage.JournalEntry{}, err
	}
	return g.look(ctx, e.RequestKey)
}
