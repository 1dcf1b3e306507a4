package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Unlock opens the door for one open time of its lock, if the rules allow it.
//
// The receipt is always valid and safe to show. The error is nil whenever the
// gate did its work, whatever the outcome; it is a *RequestError,
// ErrRequestReused, or the context's error when the caller went away before the
// claim or while another call was sending the same command.
func (g *Gate) Unlock(ctx context.Context, tap Tap) (Receipt, error) {
	return g.handle(ctx, access.Unlock, tap)
}

// StartOfficeMode opens the door until somebody or SALTO's schedule locks it.
// Receipt and error are as for Unlock.
func (g *Gate) StartOfficeMode(ctx context.Context, tap Tap) (Receipt, error) {
	return g.handle(ctx, access.OfficeMode, tap)
}

// Lock locks the door and ends its office mode. It requires weaker rights: a member
// who holds the door in office mode may lock it after the right to open it ended,
// on a disabled door, while the site is switched off, and where the facts are
// bad. Receipt and error are as for Unlock.
func (g *Gate) Lock(ctx context.Context, tap Tap) (Receipt, error) {
	return g.handle(ctx, access.Lock, tap)
}

// unlockRequest is one request while it is processed.
type unlockRequest struct {
	tap      Tap
	action   access.Action
	key      storage.RequestKey
	began    time.Time // by the host's clock
	steady   time.Time // the same instant on the clock that never jumps
	holding  bool
	decision access.Decision
	evidence access.Evidence
	link     Link
	loc      *time.Location
	zone     string
	deadline deadline
	attempt  storage.Digest // the commitment of the attempt's row, which no other call has
	entry    storage.JournalEntry
	detail   []byte // of log rows without a note: the attempt's and the outcome's are alike
}

func (g *Gate) handle(ctx context.Context, action access.Action, tap Tap) (Receipt, error) {
	p := &unlockRequest{tap: tap, action: action}
	receipt, err := g.process(ctx, p)
	receipt.RequestID, receipt.Member, receipt.Door, receipt.Action = tap.RequestID, tap.Member, tap.Door, action
	g.watch.completed(ctx, p.link, receipt)
	return receipt, err
}

// process runs the steps of one unlock. Up to the claim each step may end it with
// nothing sent; from the claim on it ignores the caller's cancellation.
func (g *Gate) process(ctx context.Context, p *unlockRequest) (Receipt, error) {
	if err := p.tap.check(); err != nil {
		return Receipt{Outcome: Denied, Cause: CauseBadRequest, At: g.clock(), Err: err}, err
	}
	p.key = storage.RequestKey{Site: g.site, Member: p.tap.Member, RequestID: p.tap.RequestID}
	p.steady = time.Now() // first: a slow clock gains nothing
	p.began = g.clock()

	// What is not known when the tap is too old is not needed any more.
	reading := withLimit(ctx, SendWithin)
	defer reading.end()

	// 0 read
	var known storage.LookupResult
	err := guard("Records", func() (err error) { known, err = g.records.Lookup(reading, p.key, p.tap.Door); return })
	if err != nil {
		return g.lost(ctx, p, err, false)
	}
	if known.Entry != nil {
		return g.answer(ctx, p, *known.Entry)
	}
	p.holding = known.Holding
	switch {
	case p.began.IsZero(), p.tap.TappedAt.Sub(p.began) > SendWithin:
		return g.deny(ctx, p, CauseClock, nil)
	case p.began.Sub(p.tap.TappedAt) >= SendWithin:
		return g.deny(ctx, p, CauseDeadline, nil)
	case known.KillSwitch.Off && p.action != access.Lock:
		return g.deny(ctx, p, CauseSwitchedOff, nil)
	}

	// 1 facts
	var snap storage.Snapshot
	ask := storage.FactsQuery{Site: g.site, Member: p.tap.Member, Door: p.tap.Door, At: p.began}
	err = guard("Facts", func() (err error) { snap, err = g.facts.Load(reading, ask); return })
	if err != nil {
		return g.lost(ctx, p, err, true)
	}
	q := &snap.Question
	if q.Location == nil {
		q.Location = g.zone(q.TimeZone) // nil for an unknown one, which Evaluate refuses
	}
	p.link, p.loc, p.zone = snap.Link, q.Location, q.TimeZone
	if p.zone == "" && p.loc != nil {
		p.zone = p.loc.String() // the day of a check-in that is proven later
	}

	// 2 decide
	err = guard("access.Evaluate", func() (err error) {
		p.decision, err = access.Evaluate(*q, access.Request{
			Member: p.tap.Member, Door: p.tap.Door, Action: p.action, At: p.began, Holding: p.holding && p.action == access.Lock,
		})
		return
	})
	p.evidence = p.decision.Evidence()
	switch {
	case err != nil && p.holding && p.action == access.Lock && p.known(q):
		// A known holder's lock is never denied (RULES.md 5): bad facts must not
		// keep a door open.
		p.decision, p.evidence = access.Decision{Allowed: true, Reason: access.ReasonHolder, Revision: q.Revision}, access.Evidence{}
	case err != nil:
		p.decision, p.evidence = access.Decision{}, access.Evidence{}
		return g.deny(ctx, p, CauseBadFacts, err)
	case !p.decision.Allowed:
		return g.deny(ctx, p, "", nil)
	}
	if p.link.IsZero() {
		return g.deny(ctx, p, CauseNotLinked, nil)
	}
	if g.presence != nil && p.action != access.Lock {
		err := guard("Presence", func() error { return g.presence.Present(reading, g.site, p.tap) })
		if err != nil && ctx.Err() != nil {
			return g.lost(ctx, p, err, true)
		}
		if err != nil {
			return g.deny(ctx, p, CausePresenceMissing, err)
		}
	}
	return g.claimAndSend(ctx, p)
}

// known reports whether q is of this member and this door.
func (p *unlockRequest) known(q *access.Question) bool {
	return q.Door != nil && q.Door.ID == p.tap.Door && q.Member != nil && q.Member.ID == p.tap.Member
}

// claimAndSend runs steps 3 to 5.
func (g *Gate) claimAndSend(ctx context.Context, p *unlockRequest) (Receipt, error) {
	if ctx.Err() != nil {
		return g.lost(ctx, p, ctx.Err(), true)
	}

	// 3 claim
	p.setDeadline(g)
	if p.deadline.left() <= 0 {
		return g.deny(ctx, p, CauseDeadline, nil)
	}
	own := context.WithoutCancel(ctx)
	claim, err := g.begin(own, p, Sending, "", nil)
	if err != nil {
		if other := g.release(own, p); other != nil {
			return g.answer(ctx, p, *other)
		}
		return Receipt{Outcome: NotSent, Decision: p.decision, Cause: CauseStoreUnavailable, At: g.clock(), Err: err}, nil
	}
	switch claim.State {
	case storage.Known, storage.Shared:
		receipt, err := g.answer(ctx, p, claim.Entry)
		receipt.Shared = receipt.Shared || claim.State == storage.Shared
		return receipt, err
	case storage.SwitchedOff:
		return g.deny(ctx, p, CauseSwitchedOff, nil)
	case storage.Claimed:
		p.entry = claim.Entry
	default:
		err := fmt.Errorf("gate: Records.Begin returned the unknown state %d", claim.State)
		return Receipt{Outcome: NotSent, Decision: p.decision, Cause: CauseInternal, At: g.clock(), Err: err}, nil
	}

	// 4 send, 5 settle
	return g.settle(own, p, g.send(own, p)), nil
}

// setDeadline fixes until when the command may be sent: 10 seconds after the tap
// (or after now, should the tap lie ahead), and never beyond the right itself.
func (p *unlockRequest) setDeadline(g *Gate) {
	by := p.tap.TappedAt
	if by.After(p.began) {
		by = p.began
	}
	by = by.Add(SendWithin)
	if v := p.decision.ValidUntil; !v.IsZero() && v.Before(by) {
		by = v
	}
	p.deadline = deadline{g: g, wall: by, steady: p.steady.Add(by.Sub(p.began))}
}

// send moves the lock, once. This and settle are given a context that does not
// end with the caller's.
func (g *Gate) send(ctx context.Context, p *unlockRequest) (result Result) {
	if p.deadline.left() <= 0 {
		return Result{Outcome: NotSent, Cause: CauseDeadline}
	}
	limited := withLimit(ctx, AnswerWithin)
	defer limited.end()
	command := Command{Link: p.link, Action: p.action, SendBy: p.deadline.wall, left: p.deadline.left}
	err := guard("Locks", func() error { result = g.locks.Move(limited, command); return nil })
	result.Err = sound("Locks", result.Err)
	switch {
	case err != nil: // it may have sent before it panicked
		result = Result{Unconfirmed, CauseInternal, err}
	case !result.Outcome.Settled():
		result = Result{Unconfirmed, CauseInternal, fmt.Errorf("gate: Locks.Move returned the outcome %q: %w", result.Outcome, result.Err)}
	case result.Outcome == Accepted:
		result.Cause = ""
	case !result.Cause.Valid():
		result.Cause = map[Outcome]Cause{Unconfirmed: CauseNoAnswer, Refused: CauseRefused}[result.Outcome]
		if result.Cause == "" {
			result.Cause = CauseInternal
		}
	}
	return result
}

// settle writes the outcome and makes the receipt.
func (g *Gate) settle(ctx context.Context, p *unlockRequest, result Result) Receipt {
	at := g.clock()
	if at.IsZero() {
		at = p.began
	}
	r := Receipt{
		RequestID: p.tap.RequestID, Member: p.tap.Member, Door: p.tap.Door, Action: p.action,
		Outcome: result.Outcome, Decision: p.decision, Cause: result.Cause, At: at, LogRow: p.entry.Seq, Err: result.Err,
	}
	if r.Outcome == Accepted && p.action == access.Unlock {
		r.RelockAt = at.Add(p.decision.RelockAfter)
	}
	s := storage.Settlement{RequestKey: p.key, Outcome: r.Outcome, At: at}
	if r.Outcome == Accepted && p.tap.ownKey() {
		s.CheckIn = g.checkIn(p, at)
	}
	switch {
	case p.action == access.OfficeMode && (r.Outcome == Accepted || r.Outcome == Unconfirmed):
		s.Hold = &Hold{Door: p.tap.Door, Member: p.tap.Member, RequestID: p.tap.RequestID, Since: p.entry.Begun, Uncertain: r.Outcome == Unconfirmed}
	case p.action == access.Lock && r.Outcome == Accepted:
		s.EndHolds = p.entry.Begun
	}
	d := p.doc(&r)
	d.CheckIn = (*storedVisit)(s.CheckIn)
	s.Doc = d.bytes()
	s.Log = p.logEntry(&r, at, p.entry.Seq)
	var done storage.Settled
	err := writeAgain(ctx, func(ctx context.Context) error {
		return guard("Records", func() (err error) { done, err = g.records.Settle(ctx, s); return })
	})
	if err != nil {
		r.Err = errors.Join(r.Err, unavailable(err))
		return r
	}
	r.Recorded, r.CheckIn = true, done.CheckIn
	return r
}

// deny ends a request with nothing sent: ONE commit.
func (g *Gate) deny(ctx context.Context, p *unlockRequest, cause Cause, why error) (Receipt, error) {
	r := Receipt{Outcome: Denied, Decision: p.decision, Cause: cause, At: g.clock(), Err: why}
	claim, err := g.begin(context.WithoutCancel(ctx), p, r.Outcome, cause, why)
	switch {
	case err != nil:
		r.Err = errors.Join(why, unavailable(err))
	case claim.State == storage.Known:
		return g.answer(ctx, p, claim.Entry)
	case claim.State == storage.Claimed:
		r.Recorded, r.LogRow = true, claim.Entry.Seq
	}
	return r, nil
}
