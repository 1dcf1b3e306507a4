package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// Unlock opens the door for one open time of its lock, if the rules and the
// conditions allow it.
//
// The receipt is always valid and safe to show. The error is nil if the gate handled
// the request, whatever the outcome. Otherwise it is a *RequestError, ErrRequestReused,
// or the context's error if ctx ended before the claim or while another call was
// sending the same command.
func (g *Gate) Unlock(ctx context.Context, tap Tap) (Receipt, error) {
	return g.handle(ctx, access.Unlock, tap)
}

// StartOfficeMode opens the door until a member or a schedule of the lock system locks
// it. Receipt and error are as for Unlock.
func (g *Gate) StartOfficeMode(ctx context.Context, tap Tap) (Receipt, error) {
	return g.handle(ctx, access.OfficeMode, tap)
}

// Lock locks the door and ends its office mode. It requires weaker rights than Unlock:
// a member who holds the door in office mode may lock it even if their right to open it
// ended, the door is disabled, the site is switched off, or the facts are bad. Receipt
// and error are as for Unlock.
func (g *Gate) Lock(ctx context.Context, tap Tap) (Receipt, error) {
	return g.handle(ctx, access.Lock, tap)
}

func (g *Gate) handle(ctx context.Context, action access.Action, tap Tap) (Receipt, error) {
	return g.complete(ctx, action, tap, func(ctx context.Context) *ended { return g.process(ctx, action, tap) })
}

// complete runs one request, and traces and reports it.
func (g *Gate) complete(ctx context.Context, action access.Action, tap Tap, run func(context.Context) *ended) (Receipt, error) {
	ctx, end := g.trace(ctx, PhaseRequest, action, tap.Door)
	e := run(ctx)
	r := e.receipt
	r.RequestID, r.Member, r.Door, r.Action = tap.RequestID, tap.Member, tap.Door, action
	g.report(ctx, e.link, r, false)
	end(r)
	if r.Outcome == Unconfirmed {
		g.becameUnconfirmed()
	}
	return r, e.err
}

// process runs one request: lookup, facts, decision, claim, command, settlement. The
// package documentation lists these phases.
func (g *Gate) process(ctx context.Context, action access.Action, tap Tap) *ended {
	if err := tap.check(); err != nil {
		return &ended{Receipt{Outcome: Denied, Cause: CauseBadRequest, At: g.clock(), Err: err}, Link{}, err}
	}
	r := request{tap, action, storage.RequestKey{Site: g.c.Site, Member: tap.Member, RequestID: tap.RequestID}}
	now := g.moment()
	facts, end := g.trace(ctx, PhaseFacts, action, tap.Door)
	d, done := g.decide(facts, r, now)
	end(done.outcome())
	if done != nil {
		return done
	}
	return g.execute(ctx, d, now)
}

// decide looks the request up, reads the facts, and evaluates the rules and the
// conditions.
func (g *Gate) decide(ctx context.Context, r request, now moment) (decided, *ended) {
	// Facts that are read later than this are too late for the tap.
	reading, cancel := context.WithTimeout(ctx, SendWithin)
	defer cancel()

	initial := decided{request: r}
	known, err := containValue("Records", func() (storage.LookupResult, error) { return g.c.Records.Lookup(reading, r.key, r.tap.Door) })
	if err != nil {
		return decided{}, g.unrecorded(ctx, initial, CauseStoreUnavailable, err, false)
	}
	if known.Entry != nil {
		return decided{}, g.answer(ctx, initial, *known.Entry)
	}
	switch {
	case now.wall.IsZero(), r.tap.TappedAt.Sub(now.wall) > SendWithin:
		return decided{}, g.deny(ctx, initial, CauseClock, nil)
	case now.wall.Sub(r.tap.TappedAt) >= SendWithin:
		return decided{}, g.deny(ctx, initial, CauseDeadline, nil)
	case known.KillSwitch.Off && r.action != access.Lock:
		return decided{}, g.deny(ctx, initial, CauseSwitchedOff, nil)
	}

	facts, err := g.load(reading, r.tap.Member, r.tap.Door, now.wall)
	switch {
	case errors.Is(err, ErrNotFound):
		return decided{}, g.unrecorded(ctx, initial, CauseUnknownSite, err, false) // no row for a site that does not exist
	case err != nil:
		return decided{}, g.unrecorded(ctx, initial, CauseStoreUnavailable, err, true)
	}

	d, err := evaluate(r, now.wall, facts, known.Holding)
	switch {
	case err != nil:
		return decided{}, g.deny(ctx, d, CauseBadFacts, err)
	case !d.decision.Allowed:
		return decided{}, g.deny(ctx, d, "", nil)
	case d.link.IsZero():
		return decided{}, g.deny(ctx, d, CauseNotLinked, nil)
	}
	unmet, err := g.check(reading, d)
	switch {
	case unmet != nil && ctx.Err() != nil:
		return decided{}, g.unrecorded(ctx, d, CauseCancelled, err, true)
	case unmet != nil:
		return decided{}, g.denyWith(ctx, d, Receipt{Outcome: Denied, Decision: d.decision, Cause: CauseCondition, Condition: unmet, Err: err})
	}
	return d, nil
}

// evaluate evaluates the rules. If facts of the site, the door or the member are bad,
// it denies with an error. Other bad rows only open nothing; decision.Faults names
// them. A member who holds the door in office mode may lock it whichever facts are bad
// (RULES.md, section 5).
func evaluate(r request, at time.Time, facts storage.Snapshot, holding bool) (decided, error) {
	q := &facts.Question
	decision, err := access.Evaluate(*q, access.Request{
		Member: r.tap.Member, Door: r.tap.Door, Action: r.action, At: at, Holding: holding && r.action == access.Lock,
	})
	d := decided{request: r, decision: decision, link: facts.Link, loc: q.Location}
	if decision.Allowed {
		d.evidence = decision.Evidence()
		d.reservation = reservationOf(r.tap.TappedAt, d.evidence.Reservations, q.Reservations)
	}
	return d, err
}

// An unlock passes through these types. Each phase takes one and returns the
// next, or an ended if there is no next phase.
//
//	request --decide--> decided --claim--> claimed --send--> Result --settle--> Receipt
type (
	// request is a valid tap and its action.
	request struct {
		tap    Tap
		action access.Action
		key    storage.RequestKey
	}

	// decided is a request and its decision. If the request was denied before the rules
	// were evaluated, all other fields are zero.
	decided struct {
		request
		decision    access.Decision
		evidence    access.Evidence
		reservation *reservation.Reservation // that the tap belongs to, for its check-in
		link        Link
		loc         *time.Location // of the site; nil if it is not known
	}

	// claimed is a decided request whose attempt is in the journal and in the
	// door log. At most one call per RequestID gets one.
	claimed struct {
		decided
		entry storage.JournalEntry
	}

	// ended is the result of a request, in whichever phase it ended.
	ended struct {
		receipt Receipt
		link    Link // the lock that the receipt concerns, for the observer
		err     error
	}
)

// moment is one instant on two clocks.
type moment struct {
	wall   time.Time // the host's clock
	steady time.Time // the monotonic clock, which never jumps
}

func (g *Gate) moment() moment {
	steady := time.Now() // first, so that a slow host clock does not extend a deadline
	return moment{g.clock(), steady}
}

// sendBy returns the deadline of the command: SendWithin after the tap, or after now if
// the tap is dated later, but not after the member's right ends.
func (g *Gate) sendBy(d decided, now moment) deadline {
	by := d.tap.TappedAt
	if by.After(now.wall) {
		by = now.wall
	}
	by = by.Add(SendWithin)
	if v := d.decision.ValidUntil; !v.IsZero() && v.Before(by) {
		by = v
	}
	return deadline{clock: g.clock, wall: by, steady: now.steady.Add(by.Sub(now.wall))}
}

// deadline is an instant on two clocks; the one that passes first counts.
type deadline struct {
	clock        func() time.Time // the host's
	wall, steady time.Time
}

// left returns how long is left; 0 while the host's clock fails.
func (d deadline) left() time.Duration {
	now := d.clock()
	if now.IsZero() {
		return 0
	}
	return min(d.wall.Sub(now), time.Until(d.steady))
}

// deny ends a request with nothing sent, in one commit.
func (g *Gate) deny(ctx context.Context, d decided, cause Cause, why error) *ended {
	return g.denyWith(ctx, d, Receipt{Outcome: Denied, Decision: d.decision, Cause: cause, Err: why})
}

func (g *Gate) denyWith(ctx context.Context, d decided, r Receipt) *ended {
	r.At = g.clock()
	attempt := storage.Attempt{Entry: storage.JournalEntry{AttemptID: rand.Text()}}
	claim, err := g.begin(ctx, d, attempt, r)
	switch {
	case err != nil:
		r.Err = errors.Join(r.Err, unavailable(err))
	case claim.State == storage.Known:
		return g.answer(ctx, d, claim.Entry)
	case claim.State == storage.Claimed:
		r.Recorded, r.LogRow = true, claim.Entry.Seq
	}
	return &ended{receipt: r, link: d.link}
}

// unrecorded ends a request that could not be decided, or whose context ended before
// the claim. Nothing is in the journal, so the RequestID may be used again. The door
// log gets a row if logged is set and ctx has not ended.
func (g *Gate) unrecorded(ctx context.Context, d decided, cause Cause, why error, logged bool) *ended {
	r := Receipt{Outcome: NotSent, Cause: cause, At: g.clock(), Err: why}
	if _, ok := errors.AsType[*PanicError](why); ok {
		r.Cause = CauseInternal
	} else if cause == CauseStoreUnavailable {
		r.Err = unavailable(why)
	}
	if ctx.Err() != nil {
		r.Cause, r.Err = CauseCancelled, context.Cause(ctx)
		return &ended{r, d.link, r.Err}
	}
	if logged {
		g.note(ctx, d, &r)
	}
	return &ended{receipt: r, link: d.link}
}

// note writes a row of the door log without a journal entry.
func (g *Gate) note(ctx context.Context, d decided, r *Receipt) {
	at := r.At
	if at.IsZero() {
		at = d.tap.TappedAt
	}
	_ = commit(ctx, WriteWithin, false, func(ctx context.Context) error {
		_, err := g.c.Records.Note(ctx, g.c.Site, d.logEntry(r, at, 0))
		return err
	})
}
