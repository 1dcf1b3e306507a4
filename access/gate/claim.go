package gate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// execute claims, sends and settles what was decided.
func (g *Gate) execute(ctx context.Context, d decided, now moment) *ended {
	by := g.sendBy(d, now)
	claiming, end := g.trace(ctx, PhaseClaim, d.action, d.tap.Door)
	c, done := g.claim(claiming, d, by)
	end(done.outcome())
	if done != nil {
		return done
	}
	ctx = context.WithoutCancel(ctx) // from the claim on the caller's cancellation does not count
	sending, end := g.trace(ctx, PhaseSend, d.action, d.tap.Door)
	result := g.send(sending, c, by)
	end(Receipt{Outcome: result.Outcome, Cause: result.Cause, Err: result.Err})
	settling, end := g.trace(ctx, PhaseSettle, d.action, d.tap.Door)
	receipt := g.settle(settling, c, result)
	end(receipt)
	return &ended{receipt: receipt, link: d.link}
}

// claim writes the attempt into the journal and the door log, in one commit.
// Only the call that gets a claimed may send.
func (g *Gate) claim(ctx context.Context, d decided, by deadline) (claimed, *ended) {
	switch {
	case ctx.Err() != nil:
		return claimed{}, g.unrecorded(ctx, d, CauseCancelled, ctx.Err(), true)
	case by.left() <= 0:
		return claimed{}, g.deny(ctx, d, CauseDeadline, nil)
	}
	attempt := storage.Attempt{Entry: storage.JournalEntry{AttemptID: rand.Text(), SendBy: by.wall}}
	if d.tap.ownKey() { // each command of staff has its own row in the log
		attempt.ShareWithin = ShareWithin
	}
	claim, err := g.begin(ctx, d, attempt, Receipt{Outcome: Sending, Decision: d.decision, At: g.clock()})
	if err != nil {
		return claimed{}, g.release(ctx, d, attempt.Entry.AttemptID, err)
	}
	switch claim.State {
	case storage.Claimed:
		return claimed{d, claim.Entry}, nil
	case storage.Known:
		return claimed{}, g.answer(ctx, d, claim.Entry)
	case storage.Shared:
		e := g.answer(ctx, d, claim.Entry)
		e.receipt.Shared = true
		return claimed{}, e
	case storage.SwitchedOff:
		return claimed{}, g.deny(ctx, d, CauseSwitchedOff, nil)
	}
	err = fmt.Errorf("gate: Records.Begin returned the unknown state %d", claim.State)
	r := Receipt{Outcome: NotSent, Decision: d.decision, Cause: CauseInternal, At: g.clock(), Err: err}
	return claimed{}, &ended{receipt: r, link: d.link}
}

// begin writes the first commit of a request: a claim, or a denial. The caller sets the
// AttemptID of a, and for a claim SendBy and ShareWithin.
func (g *Gate) begin(ctx context.Context, d decided, a storage.Attempt, r Receipt) (claim storage.Claim, err error) {
	if r.At.IsZero() {
		r.At = d.tap.TappedAt
	}
	a.Log = d.logEntry(&r, r.At, 0)
	e := &a.Entry
	e.RequestKey, e.Fingerprint, e.Door, e.Action = d.key, d.tap.fingerprint(d.action), d.tap.Door, d.action
	e.Outcome, e.Begun = r.Outcome, r.At
	within := WriteWithin
	if r.Outcome == Sending {
		within = min(within, e.SendBy.Sub(r.At)) // a later claim could not be sent
	} else {
		e.Settled = r.At
	}
	e.Doc = encode(d.entryDoc(&r))
	err = commit(ctx, within, false, func(ctx context.Context) (err error) { claim, err = g.c.Records.Begin(ctx, a); return })
	return claim, err
}

// release ends a request whose claim failed: nothing was sent for it. A claim that was
// written nevertheless is settled; if that fails, Recover settles it as Unconfirmed. If the
// entry is of another attempt, its outcome is returned: the same request was made again, and
// its command may be in progress.
func (g *Gate) release(ctx context.Context, d decided, attemptID string, why error) *ended {
	r := Receipt{Outcome: NotSent, Decision: d.decision, Cause: CauseStoreUnavailable, At: g.clock(), Err: why}
	if errors.Is(why, storage.ErrBusy) { // it was not written
		return &ended{receipt: r, link: d.link}
	}
	var other *storage.JournalEntry
	_ = commit(ctx, WriteWithin, false, func(ctx context.Context) error {
		known, err := g.c.Records.Lookup(ctx, d.key, d.tap.Door)
		if err != nil || known.Entry == nil {
			return err
		}
		if known.Entry.AttemptID != attemptID || known.Entry.Outcome != Sending {
			other = known.Entry
			return nil
		}
		c := claimed{d, *known.Entry}
		if _, err = g.c.Records.Settle(ctx, g.settlement(c, &r, r.At)); err == nil {
			r.Recorded, r.LogRow = true, c.entry.Seq
		}
		return err
	})
	if other != nil {
		return g.answer(ctx, d, *other)
	}
	return &ended{receipt: r, link: d.link}
}

// send moves the lock, once.
func (g *Gate) send(ctx context.Context, c claimed, by deadline) (result Result) {
	if by.left() <= 0 {
		return Result{Outcome: NotSent, Cause: CauseDeadline}
	}
	ctx, cancel := context.WithTimeout(ctx, AnswerWithin)
	defer cancel()
	command := Command{Link: c.link, Action: c.action, SendBy: by.wall, Left: by.left}
	err := contain("Locks", func() error { result = g.c.Locks.Move(ctx, command); return nil })
	if err != nil { // the command may have been sent before the panic
		return Result{Unconfirmed, CauseInternal, err}
	}
	result.Err = contain("Locks", func() error { return result.Err })
	if !result.Outcome.Settled() {
		return Result{Unconfirmed, CauseInternal, fmt.Errorf("gate: Locks.Move returned the outcome %q: %w", result.Outcome, result.Err)}
	}
	if result.Outcome == Accepted {
		result.Cause = ""
	} else if !result.Cause.known() {
		unnamed := map[Outcome]Cause{Unconfirmed: CauseNoAnswer, Refused: CauseRefused}
		result.Cause = cmp.Or(unnamed[result.Outcome], CauseInternal)
	}
	return result
}

// settle writes the outcome of a command, in one commit, and makes its receipt.
func (g *Gate) settle(ctx context.Context, c claimed, result Result) Receipt {
	at := g.clock()
	if at.IsZero() {
		at = c.entry.Begun
	}
	r := c.receipt(result.Outcome, at)
	r.Cause, r.Err = result.Cause, result.Err
	s := g.settlement(c, &r, at)
	var checkIn *CheckIn
	err := commit(ctx, WriteWithin, true, func(ctx context.Context) (err error) { checkIn, err = g.c.Records.Settle(ctx, s); return })
	if err != nil {
		r.Err = errors.Join(r.Err, unavailable(err))
		return r
	}
	r.Recorded, r.CheckIn = true, checkIn
	return r
}

// settlement returns what is written at the given time with the outcome of a command:
// its log row, its check-in, and its change of holds.
func (g *Gate) settlement(c claimed, r *Receipt, at time.Time) storage.Settlement {
	s := storage.Settlement{RequestKey: c.key, Outcome: r.Outcome, At: at, Log: c.logEntry(r, at, c.entry.Seq)}
	accepted, unconfirmed := r.Outcome == Accepted, r.Outcome == Unconfirmed
	if accepted {
		s.CheckIn = g.checkIn(c.decided, r.At)
	}
	switch {
	case c.action == access.OfficeMode && (accepted || unconfirmed):
		s.Hold = &Hold{Door: c.tap.Door, Member: c.tap.Member, RequestID: c.tap.RequestID, Since: c.entry.Begun, Uncertain: unconfirmed}
	case c.action == access.Lock && accepted:
		s.EndHolds = c.entry.Begun
	}
	doc := c.entryDoc(r)
	if !r.At.Equal(at) { // the lock moved earlier
		doc.At = r.At
	}
	if s.CheckIn != nil {
		doc.Visit, doc.Day = s.CheckIn.Key, s.CheckIn.Day
	}
	s.Doc = encode(doc)
	return s
}

// receipt returns the receipt of a command whose outcome became known at the given
// time.
func (c claimed) receipt(o Outcome, at time.Time) Receipt {
	r := Receipt{
		RequestID: c.entry.RequestID, Member: c.tap.Member, Door: c.tap.Door, Action: c.action,
		Outcome: o, Decision: c.decision, At: at, LogRow: c.entry.Seq,
	}
	if o == Accepted && c.action == access.Unlock {
		r.RelockAt = at.Add(c.decision.RelockAfter)
	}
	return r
}
