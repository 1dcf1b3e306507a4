package gate

import (
	"context"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// begin writes the first commit: a claim, or a request that ends here.
func (g *Gate) begin(ctx context.Context, p *unlockRequest, outcome Outcome, cause Cause, why error) (claim storage.Claim, err error) {
	at := g.clock()
	if at.IsZero() {
		at = p.tap.TappedAt
	}
	r := Receipt{Outcome: outcome, Decision: p.decision, Cause: cause, Err: why}
	a := storage.Attempt{
		Entry: storage.JournalEntry{RequestKey: p.key, Fingerprint: p.tap.fingerprint(p.action), Door: p.tap.Door, Action: p.action, Outcome: outcome, Begun: at},
		Log:   p.logEntry(&r, at, 0),
	}
	if outcome == Sending {
		a.Entry.SendBy, p.attempt = p.deadline.wall, a.Log.Commitment
		if p.tap.ownKey() { // what staff does stands in the log by itself
			a.ShareWithin = ShareWithin
		}
	} else {
		r.At, a.Entry.Settled = at, at
	}
	d := p.doc(&r)
	a.Entry.Doc = d.bytes()
	err = write(ctx, func(ctx context.Context) error {
		return guard("Records", func() (err error) { claim, err = g.records.Begin(ctx, a); return })
	})
	return claim, err
}

// release settles a claim whose commit was uncertain: nothing was sent for it.
// If it cannot, Recover will call it Unconfirmed. An entry that is not this
// call's it returns: the same request came again, and its command may be under
// way.
func (g *Gate) release(ctx context.Context, p *unlockRequest) (other *storage.JournalEntry) {
	at, attempt := g.clock(), p.attempt // whatever a storage's iterator holds goes to the heap
	r := Receipt{Outcome: NotSent, Decision: p.decision, Cause: CauseStoreUnavailable, At: at}
	_ = write(ctx, func(ctx context.Context) error {
		return guard("Records", func() error {
			known, err := g.records.Lookup(ctx, p.key, p.tap.Door)
			e := known.Entry
			if err != nil || e == nil {
				return err
			}
			own := false
			if e.Outcome == Sending {
				for row, err := range g.records.Rows(ctx, LogQuery{Site: g.site, After: e.Seq - 1, Limit: 1}) {
					if err != nil {
						return err
					}
					own = row.Seq == e.Seq && row.Commitment == attempt
				}
			}
			if !own {
				other = e
				return nil
			}
			d := p.doc(&r)
			_, err = g.records.Settle(ctx, storage.Settlement{RequestKey: p.key, Outcome: NotSent, At: at, Doc: d.bytes(), Log: p.logEntry(&r, at, e.Seq)})
			return err
		})
	})
	return other
}

// lost is a request that ended before it was decided, with no entry in the
// journal: the same RequestID may come again. The log tells it, if it can be
// reached and the caller is still there.
func (g *Gate) lost(ctx context.Context, p *unlockRequest, why error, logged bool) (Receipt, error) {
	r := Receipt{Outcome: NotSent, Cause: CauseStoreUnavailable, At: g.clock(), Err: unavailable(why)}
	if _, ok := errors.AsType[*PanicError](why); ok {
		r.Cause, r.Err = CauseInternal, why
	}
	if ctx.Err() != nil {
		r.Cause, r.Err = CauseCancelled, context.Cause(ctx)
		return r, r.Err
	}
	if logged {
		g.note(ctx, p, &r)
	}
	return r, nil
}

func (g *Gate) note(ctx context.Context, p *unlockRequest, r *Receipt) {
	at := r.At
	if at.IsZero() {
		at = p.tap.TappedAt
	}
	_ = write(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return guard("Records", func() error {
			_, err := g.records.Note(ctx, g.site, p.logEntry(r, at, 0))
			return err
		})
	})
}

func (p *unlockRequest) doc(r *Receipt) doc {
	d := doc{Source: p.tap.Source, Actor: p.tap.Actor, TappedAt: p.tap.TappedAt, Cause: r.Cause, At: r.At, RelockAt: r.RelockAt, Link: p.link, Zone: p.zone}
	d.decide(p.decision, p.evidence)
	return d
}

func (p *unlockRequest) logEntry(r *Receipt, at time.Time, ref uint64) storage.LogEntry {
	e := storage.LogEntry{
		At: at, Ref: ref, Door: p.tap.Door, Action: string(p.action), Outcome: r.Outcome, Reason: r.reason(),
		Member: p.tap.Member, Actor: p.tap.Actor,
	}
	if r.Err == nil && p.detail != nil {
		return sealEntry(e, p.detail)
	}
	ev := p.evidence
	d := LogDetail{
		Member: p.tap.Member, Actor: p.tap.Actor, Source: p.tap.Source, RequestID: p.tap.RequestID, TappedAt: p.tap.TappedAt,
		Memberships: ev.Memberships, Grants: ev.Grants, Reservations: ev.Reservations, Revision: p.decision.Revision, Link: p.link,
	}
	if r.Err != nil {
		d.Note = short(r.Err.Error())
		return sealEntry(e, d.bytes())
	}
	p.detail = d.bytes()
	return sealEntry(e, p.detail)
}
