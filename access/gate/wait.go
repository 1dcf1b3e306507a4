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
	e, err := g.entry(ctx, storage.RequestKey{Site: g.c.Site, Member: member, RequestID: requestID})
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
	var m storage.LookupResult
	err := contain("Records", func() (err error) { m, err = g.c.Records.Lookup(ctx, key, ""); return })
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
	var next storage.JournalEntry
	err := contain("Records", func() (err error) { next, err = g.c.Records.Wait(waiting, key, e.Outcome); return })
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
