package gate

import (
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
	c, done := g.claim(ctx, d, by)
	if done != nil {
		return done
	}
	own := context.WithoutCancel(ctx) // from here on the caller's cancellation does not count
	return &ended{receipt: g.settle(own, c, g.send(own, c, by)), link: d.link}
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
	own := context.WithoutCancel(ctx)
	attempt := storage.Attempt{Entry: storage.JournalEntry{AttemptID: rand.Text(), SendBy: by.wall}}
	if d.tap.ownKey() { // each command of staff has its own row in the log
		attempt.ShareWithin = ShareWithin
	}
	claim, err := g.begin(own, d, attempt, Receipt{Outcome: Sending, Decision: d.decision, At: g.clock()})
	if err != nil {
		if other := g.release(own, d, attempt.Entry.AttemptID); other != nil {
			return claimed{}, g.answer(ctx, d, *other)
		}
		r := Receipt{Outcome: NotSent, Decision: d.decision, Cause: CauseStoreUnavailable, At: g.clock(), Err: err}
		return claimed{}, &ended{receipt: r, link: d.link}
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
	if r.Outcome == Sending {
		r.At = time.Time{} // it has no outcome yet
	} else {
		e.Settled = r.At
	}
	e.Doc = d.entryDoc(&r).encode()
	err = write(ctx, func(ctx context.Context) error {
		return contain("Records", func() (err error) { claim, err = g.records.Begin(ctx, a); return })
	})
	return claim, err
}

// release settles a claim whose commit was uncertain: nothing was sent for it. If that
// fails, Recover settles it as Unconfirmed. An entry of another attempt is returned:
// the same request was made again, and its command may be in progress.
func (g *Gate) release(ctx context.Context, d decided, attemptID string) (other *storage.JournalEntry) {
	at := g.clock()
	r := Receipt{Outcome: NotSent, Decision: d.decision, Cause: CauseStoreUnavailable, At: at}
	_ = write(ctx, func(ctx context.Context) error {
		return contain("Records", func() error {
			known, err := g.records.Lookup(ctx, d.key, d.tap.Door)
			if err != nil || known.Entry == nil {
				return err
			}
			if known.Entry.AttemptID != attemptID || known.Entry.Outcome != Sending {
				other = known.Entry
				return nil
			}
			_, err = g.records.Settle(ctx, storage.Settlement{
				RequestKey: d.key, Outcome: NotSent, At: at, Doc: d.entryDoc(&r).encode(), Log: d.logEntry(&r, at, known.Entry.Seq),
			})
			return err
		})
	})
	return other
}

// send moves the lock, once.
func (g *Gate) send(ctx context.Context, c claimed, by deadline) (result Result) {
	if by.left() <= 0 {
		return Result{Outcome: NotSent, Cause: CauseDeadline}
	}
	ctx, cancel := context.WithTimeout(ctx, AnswerWithin)
	defer cancel()
	command := Command{Link: c.link, Action: c.action, SendBy: by.wall, Left: by.left}
	err := contain("Locks", func() error { result = g.locks.Move(ctx, command); return nil })
	if err != nil { // the command may have been sent before the panic
		return Result{Unconfirmed, CauseInternal, err}
	}
	result.Err = contain("Locks", func() error { return result.Err })
	switch {
	case !result.Outcome.Settled():
		return Result{Unconfirmed, CauseInternal, fmt.Errorf("gate: Locks.Move returned the outcome %q: %w", result.Outcome, result.Err)}
	case result.Outcome == Accepted:
		result.Cause = ""
	case result.Cause.Valid():
	case result.Outcome == Unconfirmed:
		result.Cause = CauseNoAnswer
	case result.Outcome == Refused:
		result.Cause = CauseRefused
	default:
		result.Cause = CauseInternal
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
	s := storage.Settlement{RequestKey: c.key, Outcome: r.Outcome, At: at, Log: c.logEntry(&r, at, c.entry.Seq)}
	if r.Outcome == Accepted {
		s.CheckIn = g.checkIn(c.decided, at)
	}
	switch {
	case c.action == access.OfficeMode && (r.Outcome == Accepted || r.Outcome == Unconfirmed):
		s.Hold = c.hold(r.Outcome == Unconfirmed)
	case c.action == access.Lock && r.Outcome == Accepted:
		s.EndHolds = c.entry.Begun
	}
	doc := c.entryDoc(&r)
	doc.CheckIn = s.CheckIn
	s.Doc = doc.encode()
	var done storage.Settled
	err := writeRetrying(ctx, func(ctx context.Context) error {
		return contain("Records", func() (err error) { done, err = g.records.Settle(ctx, s); return })
	})
	if err != nil {
		r.Err = errors.Join(r.Err, unavailable(err))
		return r
	}
	r.Recorded, r.CheckIn = true, done.CheckIn
	return r
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

// hold returns the hold that the command started.
func (c claimed) hold(uncertain bool) *Hold {
	return &Hold{Door: c.tap.Door, Member: c.tap.Member, RequestID: c.tap.RequestID, Since: c.entry.Begun, Uncertain: uncertain}
}
