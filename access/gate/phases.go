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
