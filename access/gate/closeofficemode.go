package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// CloseRequest selects the doors in office mode that CloseOfficeMode locks. A door
// whose office mode began before a closure that covers it now is always locked.
type CloseRequest struct {
	// Closing is a time of day at the site, as the time since 00:00: doors whose office
	// mode started before the most recent Closing are locked. Nil for none.
	Closing *time.Duration
	// RightEnded locks doors whose holder no longer has the right to open them.
	RightEnded bool
	// Reconcile, when set, first ends the holds whose lock it reports as "locked".
	// Nothing is sent for these, because a schedule of the lock system or a person
	// ended them. The state must have been read more than 130 seconds after the start:
	// until then a slow cloud may still execute the start.
	Reconcile Catalog
	// By is the actor of the log rows; empty is "closing run".
	By string
}

// CloseResult is what CloseOfficeMode did about one hold.
type CloseResult struct {
	Hold Hold `json:"hold"`
	// Why is "closure", "closing", "right_ended" or "seen_locked".
	Why string `json:"why"`
	// Receipt is the receipt of the command to lock; zero for "seen_locked".
	Receipt Receipt `json:"receipt,omitzero"`
}

// CloseReport is what CloseOfficeMode did.
type CloseReport struct {
	// Ended are the holds that are over.
	Ended []CloseResult `json:"ended"`
	// Open are the holds that should be over and are not: a person has to check these
	// doors.
	Open []CloseResult `json:"open"`
}

// CloseOfficeMode locks the doors that should no longer be in office mode, and reports
// those it could not lock. A door with several holds is locked once all of them are
// over. Call it at closing time, or every minute with RightEnded. Across all processes
// it sends at most one command per door and minute, unless the door was put into office
// mode again, and it never unlocks a door.
func (g *Gate) CloseOfficeMode(ctx context.Context, s CloseRequest) (report CloseReport, err error) {
	defer containIn("CloseOfficeMode", &err)
	if s.Closing != nil && (*s.Closing < 0 || *s.Closing >= 24*time.Hour) {
		return report, &RequestError{Faults: []Fault{{Field: "Closing", What: badTimeOfDay}}}
	}
	report = CloseReport{Ended: []CloseResult{}, Open: []CloseResult{}}
	holds, err := g.records.Holds(ctx, g.site)
	if err != nil || len(holds) == 0 {
		return report, err
	}
	if s.By = shortID(s.By); s.By == "" {
		s.By = "closing run"
	}
	var failed []error // an error at one door does not leave the others open
	if s.Reconcile != nil {
		holds, err = g.reconcile(ctx, s, holds, &report)
		failed = append(failed, err)
	}
	for _, list := range byDoor(holds) {
		failed = append(failed, g.closeDoor(ctx, s, list, &report))
	}
	return report, errors.Join(failed...)
}

// load reads the facts of a hold.
func (g *Gate) load(ctx context.Context, h Hold, now time.Time) (snap storage.Snapshot, err error) {
	err = contain("Facts", func() (err error) {
		snap, err = g.facts.Load(ctx, storage.FactsQuery{Site: g.site, Member: h.Member, Door: h.Door, At: now})
		return
	})
	return snap, err
}

// byDoor groups holds by door; they are sorted by door.
func byDoor(holds []Hold) (doors [][]Hold) {
	for len(holds) > 0 {
		n := 1
		for n < len(holds) && holds[n].Door == holds[0].Door {
			n++
		}
		doors, holds = append(doors, holds[:n]), holds[n:]
	}
	return doors
}

// endHold ends a hold whose office mode ended at the lock, and the earlier holds of the
// door. It writes the reason to the door log.
func (g *Gate) endHold(ctx context.Context, h Hold, d LogDetail, why string) ([]Hold, error) {
	row := d.seal(storage.LogEntry{At: g.clock(), Door: h.Door, Action: "hold_end", Reason: why})
	return g.records.EndHolds(ctx, g.site, h.Door, h.Since, row)
}

// closeDoor locks a door if all its holds are over. One command ends all of them.
func (g *Gate) closeDoor(ctx context.Context, s CloseRequest, holds []Hold, report *CloseReport) error {
	closed := make([]CloseResult, len(holds))
	var snap storage.Snapshot
	for i, h := range holds {
		why, facts, err := g.due(ctx, s, h)
		if err != nil || why == "" {
			return err
		}
		closed[i], snap = CloseResult{Hold: h, Why: why}, facts
	}
	receipt := g.lockDoor(ctx, s, closed, snap)
	for i := range closed {
		closed[i].Receipt = receipt
	}
	if receipt.Outcome == Accepted {
		report.Ended = append(report.Ended, closed...)
	} else {
		report.Open = append(report.Open, closed...)
	}
	return nil
}

// reconcile ends the holds whose lock is reported as locked. It returns the other
// holds, even with an error.
func (g *Gate) reconcile(ctx context.Context, s CloseRequest, holds []Hold, report *CloseReport) ([]Hold, error) {
	seen, err := g.RefreshLockStates(ctx, s.Reconcile)
	if err != nil {
		return holds, err
	}
	now := g.clock()
	states := map[lockID]CatalogLock{}
	for _, l := range seen {
		states[lockIDOf(l.Link)] = l
	}
	var rest []Hold
	for i, h := range holds {
		snap, err := g.load(ctx, h, now) // closeDoor reports an error
		lock, ok := states[lockIDOf(snap.Link)]
		// Until then a slow cloud may still open it: the latest start may be
		// Unconfirmed, even if an earlier one was Accepted.
		settled := h.Since.Add(startedWithin)
		if err != nil || !ok || lock.State != "locked" || !lock.SeenAt.After(settled) {
			rest = append(rest, h)
			continue
		}
		d := LogDetail{Member: h.Member, Actor: s.By, RequestID: h.RequestID, Link: snap.Link}
		ended, err := g.endHold(ctx, h, d, "seen_locked")
		if err != nil {
			return append(rest, holds[i:]...), err
		}
		for _, e := range ended {
			report.Ended = append(report.Ended, CloseResult{Hold: e, Why: "seen_locked"})
		}
	}
	return rest, nil
}

// due returns why a hold is over, or "" if it is not.
func (g *Gate) due(ctx context.Context, s CloseRequest, h Hold) (why string, facts storage.Snapshot, err error) {
	now := g.clock()
	if now.IsZero() {
		return "", facts, errClock
	}
	if facts, err = g.load(ctx, h, now); err != nil {
		return "", facts, err
	}
	q := &facts.Question
	if q.Location == nil {
		q.Location = location(q.TimeZone)
	}
	switch {
	case q.Location == nil:
		return "", facts, fmt.Errorf("gate: the time zone %q of site %q is unknown: correct the site's rules", q.TimeZone, g.site)
	case slices.ContainsFunc(q.Closures, func(c access.Closure) bool { return begunIn(c, h, now) }):
		return "closure", facts, nil
	case s.Closing != nil && closedSince(h.Since, now, *s.Closing, q.Location):
		return "closing", facts, nil
	case s.RightEnded:
		d, err := access.Evaluate(*q, access.Request{Member: h.Member, Door: h.Door, Action: access.Unlock, At: now})
		if err != nil || !d.Allowed { // what cannot be decided is denied
			return "right_ended", facts, nil
		}
	}
	return "", facts, nil
}

// begunIn reports whether a closure covers the door of a hold now and began after
// the hold.
func begunIn(c access.Closure, h Hold, now time.Time) bool {
	covers := c.Doors == nil || slices.Contains(c.Doors, h.Door)
	return covers && h.Since.Before(c.From) && !now.Before(c.From) && now.Before(c.Until)
}

// closedSince reports whether the wall clock passed closing between since and
// now.
func closedSince(since, now time.Time, closing time.Duration, loc *time.Location) bool {
	from, until := wallClock(since, loc), wallClock(now, loc)
	last := until.Truncate(24 * time.Hour).Add(closing)
	if last.After(until) {
		last = last.Add(-24 * time.Hour)
	}
	return from.Before(last)
}

// lockDoor sends one command to lock, on behalf of the site. Its RequestID is the same
// for all processes within one minute.
func (g *Gate) lockDoor(ctx context.Context, s CloseRequest, over []CloseResult, facts storage.Snapshot) Receipt {
	now, door := g.moment(), over[0].Hold.Door
	seed := fmt.Appendf(nil, "%d\x00%s", now.wall.Unix()/60, door)
	for _, o := range over {
		seed = append(append(seed, 0), o.Hold.RequestID...)
	}
	sum := sha256.Sum256(seed)
	tap := Tap{RequestID: "close-" + hex.EncodeToString(sum[:16]), Door: door, TappedAt: now.wall, Source: sourceClosing, Actor: s.By}
	d := decided{
		request:  request{tap, access.Lock, storage.RequestKey{Site: g.site, RequestID: tap.RequestID}},
		decision: access.Decision{Allowed: true, Reason: access.Reason(over[0].Why)},
		link:     facts.Link, loc: facts.Question.Location,
	}
	var e *ended
	if d.link.IsZero() {
		e = g.deny(ctx, d, CauseNotLinked, nil)
	} else {
		e = g.execute(ctx, d, now)
	}
	r := e.receipt
	r.RequestID, r.Door, r.Action = tap.RequestID, door, access.Lock
	if r.Err == nil {
		r.Err = e.err
	}
	g.watch.completed(ctx, e.link, r)
	return r
}
