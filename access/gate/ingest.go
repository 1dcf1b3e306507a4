package gate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// VendorReader reads the lock system's own log.
type VendorReader interface {
	// Poll returns the entries that came since cursor, and the next cursor. The
	// empty cursor is the first one. An entry may come again.
	Poll(ctx context.Context, cursor string) (entries []VendorEntry, next string, err error)
	// Meaning says what an entry tells about its lock.
	Meaning(ctx context.Context, e VendorEntry) (Meaning, error)
}

// Meaning is what an entry of the lock system's log tells.
type Meaning struct {
	// Action is access.Unlock if the lock opened, access.OfficeMode if office
	// mode began, access.Lock if it ended; empty for anything else, such as a
	// rejected fob.
	Action access.Action
	// Ours: it was done from afar, by the user the gate's commands are sent as.
	Ours bool
}

// IngestReport is what an Ingest did.
type IngestReport struct {
	New int // entries stored
	// Settled are the Unconfirmed commands that the entries prove to have moved
	// the lock.
	Settled []Receipt
	// Ended are the holds that the entries show to be over.
	Ended []Hold
}

// The span around an unconfirmed command in which its movement may be told: the
// clocks of locks are a little off, and a slow cloud moves the lock late.
const (
	proofBefore = 5 * time.Second
	proofAfter  = 2 * time.Minute
	// proofFor is how long entries are waited for.
	proofFor = 48 * time.Hour
)

// Ingest reads the lock system's own log into its journal, exactly once over all
// processes, and draws two conclusions: an Unconfirmed command is settled as
// Accepted if exactly one entry is left for exactly one such command, and office
// mode that ended by a schedule or another hand is over. That there is no entry
// proves nothing. The entries never become rows of the door log, nor check-ins.
// Call it every minute or so; after an error, again.
func (g *Gate) Ingest(ctx context.Context, reader VendorReader) (report IngestReport, err error) {
	defer containIn("Ingest", &err)
	cursor, err := g.records.Cursor(ctx, g.site)
	if err != nil {
		return report, err
	}
	var entries []VendorEntry
	var next string
	if err := contain("VendorReader", func() (err error) { entries, next, err = reader.Poll(ctx, cursor); return }); err != nil {
		return report, err
	}
	entries = slices.Clone(entries) // they may be the reader's own
	for i := range entries {
		// One text that a storage cannot keep would stop the reading for good.
		e := &entries[i]
		e.At = micro(e.At)
		e.Raw = e.Raw[:min(len(e.Raw), maxRaw)]
		switch {
		case e.ID == "":
			e.ID = hashed(fmt.Sprint(e.Lock, e.At, string(e.Raw)))
		case !storage.ValidID(e.ID):
			e.ID = hashed(e.ID)
		}
		e.Lock, e.User = foreignID(clean(e.Lock)), foreignID(clean(e.User))
		for _, text := range []*string{&e.What, &e.Detail, &e.By} {
			*text = clean(*text)
		}
	}
	if next != cursor || len(entries) > 0 {
		report.New, err = g.records.Ingest(ctx, g.site, cursor, next, entries)
		if err != nil && !errors.Is(err, ErrConflict) { // on a conflict another process stored them
			return report, err
		}
	}
	var notProven, notEnded error
	report.Settled, notProven = g.prove(ctx, reader)
	report.Ended, notEnded = g.endedElsewhere(ctx, reader)
	return report, errors.Join(notProven, notEnded)
}

// maxRaw is how much of a row as it came is kept.
const maxRaw = 64 << 10

// foreignID makes of a lock system's id one that every storage keeps and finds:
// a hash stands for one that is too long.
func foreignID(s string) string {
	if len(s) > 200 {
		return hashed(s)
	}
	return s
}

func hashed(s string) string { return fmt.Sprintf("sha256-%x", sha256.Sum256([]byte(s))) }

// meaning asks the reader what an entry tells.
func meaning(ctx context.Context, reader VendorReader, e VendorEntry) (m Meaning, err error) {
	err = contain("VendorReader", func() (err error) { m, err = reader.Meaning(ctx, e); return })
	return m, err
}

// VendorEntries returns the lock system's own log as far as it was read;
// q.Site is this gate's. It is for hosts that want to show fobs and key codes
// beside digital keys.
func (g *Gate) VendorEntries(ctx context.Context, q VendorQuery) (list []VendorEntry, err error) {
	defer containIn("VendorEntries", &err)
	q.Site = g.site
	return g.records.VendorEntries(ctx, q)
}

// endedElsewhere ends the holds whose lock tells of an end of office mode.
func (g *Gate) endedElsewhere(ctx context.Context, reader VendorReader) (ended []Hold, err error) {
	holds, err := g.records.Holds(ctx, g.site)
	if err != nil {
		return nil, err
	}
	var failed []error // one door keeps no other from it
	for _, list := range byDoor(holds) {
		snap, err := g.load(ctx, list[0], g.clock())
		if failed = append(failed, err); err != nil || snap.Link.IsZero() {
			continue
		}
		for _, h := range list { // the earliest first: its end is no later one's
			end, err := g.endOf(ctx, reader, h, snap.Link.Lock)
			if err != nil {
				return ended, err
			}
			if end == nil {
				break
			}
			d := LogDetail{Member: h.Member, RequestID: h.RequestID, Link: snap.Link, Note: "entry " + short(end.ID)}
			gone, err := g.endHold(ctx, h, d, "ended_at_lock")
			if err != nil {
				return ended, err
			}
			ended = append(ended, gone...)
		}
	}
	return ended, errors.Join(failed...)
}

// endOf returns the entry that tells the end of a hold, or nil. An end before
// the hold's own start was another one's: of commands under way at once, only
// the lock tells which came first. Within one second it does not either, nor
// while a start that it never tells of may have been under way.
func (g *Gate) endOf(ctx context.Context, reader VendorReader, h Hold, lock string) (end *VendorEntry, err error) {
	// An entry of the future would end whatever begins before it.
	told, err := g.records.VendorEntries(ctx, VendorQuery{Site: g.site, Lock: lock, From: h.Since, Until: g.clock().Add(proofBefore)})
	if err != nil {
		return nil, err
	}
	own := h.Since.Add(SendWithin + proofAfter) // until then its start may be told
	var started time.Time
	for _, v := range told {
		m, err := meaning(ctx, reader, v)
		switch {
		case err != nil:
			return nil, err
		case m.Action == access.OfficeMode && !v.At.After(own):
			started, end = v.At, nil
		case m.Action == access.Lock && end == nil && !v.At.Equal(started) && (!started.IsZero() || v.At.After(h.Since.Add(AnswerWithin))):
			end = &v
		}
	}
	return end, nil
}

// settleAsMoved writes that a command moved its lock after all; last says that
// nothing locked it since.
func (g *Gate) settleAsMoved(ctx context.Context, e storage.JournalEntry, proof VendorEntry, last bool) (Receipt, error) {
	c, doc, err := reopen(e)
	if err != nil {
		return Receipt{}, err
	}
	moved := proof.At
	if moved.Before(e.Begun) { // the lock's clock, or its whole seconds
		moved = e.Begun
	}
	now := g.clock()
	r := c.receipt(Accepted, moved)
	r.Err = fmt.Errorf("proven by entry %s of %s", proof.ID, proof.At.Format(time.RFC3339))
	s := storage.Settlement{RequestKey: e.RequestKey, Outcome: Accepted, At: now, CheckIn: g.checkIn(c.decided, moved), Log: c.logEntry(&r, now, e.Seq)}
	switch e.Action {
	case access.OfficeMode:
		s.Hold, s.RestartHold = c.hold(false), last
	case access.Lock:
		s.EndHolds = e.Begun
	}
	doc.Cause, doc.At, doc.RelockAt, doc.CheckIn = "", moved, r.RelockAt, s.CheckIn
	s.Doc = doc.encode()
	done, err := g.records.Settle(ctx, s)
	if err != nil {
		return Receipt{}, err
	}
	r.Recorded, r.CheckIn, r.Err = true, done.CheckIn, nil
	g.watch.proven(ctx, c.link, r)
	return r, nil
}
