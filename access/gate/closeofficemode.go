package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
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
	// By is the actor of the log rows; empty is "closing run".
	By string
}

// CloseResult is a hold that should be over, and the command to lock its door.
type CloseResult struct {
	Hold Hold   `json:"hold"`
	Why  string `json:"why"` // "closure", "closing" or "right_ended"
	// Receipt is that of the command. If it is not Accepted, the hold is not over, and a
	// person has to check the door.
	Receipt Receipt `json:"receipt"`
}

// CloseOfficeMode locks the doors that should no longer be in office mode, and returns
// their holds, by door. A door with several holds is locked once all of them should be
// over. Call it at closing time, or every minute with RightEnded. Across all processes
// it sends at most one command per door and minute, unless the door was put into office
// mode again, and it never unlocks a door.
func (g *Gate) CloseOfficeMode(ctx context.Context, s CloseRequest) (results []CloseResult, err error) {
	defer containIn("CloseOfficeMode", &err)
	if s.Closing != nil && (*s.Closing < 0 || *s.Closing >= 24*time.Hour) {
		return nil, &RequestError{Faults: []Fault{{Field: "Closing", What: badTimeOfDay}}}
	}
	s.By = cmp.Or(shortID(s.By), "closing run")
	results = []CloseResult{}
	holds, err := g.c.Records.Holds(ctx, g.c.Site)
	failed := []error{err} // an error at one door does not prevent locking the others
	for _, list := range byDoor(holds) {
		closed, err := g.closeDoor(ctx, s, list)
		results, failed = append(results, closed...), append(failed, err)
	}
	return results, errors.Join(failed...)
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

// closeDoor locks a door if all its holds are over. One command ends all of them.
func (g *Gate) closeDoor(ctx context.Context, s CloseRequest, holds []Hold) ([]CloseResult, error) {
	closed := make([]CloseResult, len(holds))
	var snap storage.Snapshot
	for i, h := range holds {
		why, facts, err := g.due(ctx, s, h)
		if err != nil || why == "" {
			return nil, err
		}
		closed[i], snap = CloseResult{Hold: h, Why: why}, facts
	}
	receipt := g.lockDoor(ctx, s, closed, snap)
	for i := range closed {
		closed[i].Receipt = receipt
	}
	return closed, nil
}

// due returns why the door of a hold has to be locked, or "" if it has not.
func (g *Gate) due(ctx context.Context, s CloseRequest, h Hold) (why string, facts storage.Snapshot, err error) {
	now := g.clock()
	if now.IsZero() {
		return "", facts, errClock
	}
	if facts, err = g.load(ctx, h.Member, h.Door, now); err != nil {
		return "", facts, err
	}
	q := &facts.Question
	switch {
	case q.Location == nil:
		return "", facts, g.unknownZone(q)
	case slices.ContainsFunc(q.Closures, func(c access.Closure) bool { return closedDuring(c, h, now) }):
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

// closedDuring reports whether a closure covers the door of a hold now and began during
// the hold.
func closedDuring(c access.Closure, h Hold, now time.Time) bool {
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
	seed := []string{strconv.FormatInt(now.wall.Unix()/60, 10), door}
	for _, o := range over {
		seed = append(seed, o.Hold.RequestID)
	}
	sum := sha256.Sum256(encode(seed))
	tap := Tap{RequestID: "close-" + hex.EncodeToString(sum[:16]), Door: door, TappedAt: now.wall, Source: sourceClosing, Actor: s.By}
	d := decided{
		request:  request{tap, access.Lock, storage.RequestKey{Site: g.c.Site, RequestID: tap.RequestID}},
		decision: access.Decision{Allowed: true, Reason: access.Reason(over[0].Why)},
		link:     facts.Link, loc: facts.Question.Location,
	}
	r, _ := g.complete(ctx, access.Lock, tap, func(ctx context.Context) *ended { // the receipt contains the error
		if d.link.IsZero() {
			return g.deny(ctx, d, CauseNotLinked, nil)
		}
		return g.execute(ctx, d, now)
	})
	return r
}
