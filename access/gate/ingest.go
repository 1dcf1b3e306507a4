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

// VendorReader reads the lock system's own log. It must be safe for concurrent
// use.
type VendorReader interface {
	// Poll returns the entries that came since cursor, and the next cursor. The empty
	// cursor means the beginning. An entry may be returned more than once.
	Poll(ctx context.Context, cursor string) (entries []VendorEntry, next string, err error)
	// Meaning returns what an entry reports about its lock.
	Meaning(ctx context.Context, e VendorEntry) (Meaning, error)
}

// Meaning is what an entry of the lock system's log reports.
type Meaning struct {
	// Action is access.Unlock if the lock opened, access.OfficeMode if office
	// mode began, access.Lock if it ended; empty for anything else, such as a
	// rejected fob.
	Action access.Action
	// Ours reports whether it was done remotely, by the user of the lock system that
	// sends the gate's commands.
	Ours bool
}

// IngestReport is the result of one Ingest.
type IngestReport struct {
	// New is how many entries were stored.
	New int `json:"new"`
	// Settled are the Unconfirmed commands that the entries prove to have moved
	// the lock.
	Settled []Receipt `json:"settled"`
	// Ended are the holds that the entries show to be over.
	Ended []Hold `json:"ended"`
}

// Ingest copies new entries of the lock system's own log to the storage, each entry
// once across all processes. It then settles an Unconfirmed command as Accepted if
// exactly one entry remains for it after all other commands to the lock have their
// entries; if two commands are Unconfirmed, neither is settled. It also ends the holds
// whose office mode ended by a schedule or at the lock. A missing entry proves nothing.
// Entries never become rows of the door log or check-ins. Call it about once a minute;
// after an error, call it again.
func (g *Gate) Ingest(ctx context.Context, reader VendorReader) (report IngestReport, err error) {
	defer containIn("Ingest", &err)
	report = IngestReport{Settled: []Receipt{}, Ended: []Hold{}}
	cursor, err := g.c.Records.Cursor(ctx, g.c.Site)
	if err != nil {
		return report, err
	}
	var entries []VendorEntry
	var next string
	if err := contain("VendorReader", func() (err error) { entries, next, err = reader.Poll(ctx, cursor); return }); err != nil {
		return report, err
	}
	report, err = g.ingest(ctx, reader, cursor, next, entries)
	if errors.Is(err, ErrConflict) { // another process stored them
		err = nil
	}
	return report, err
}

// ingest stores entries and applies what the stored ones prove. ErrConflict reports that
// another process has moved the cursor; the rest was done.
func (g *Gate) ingest(ctx context.Context, reader VendorReader, cursor, next string, entries []VendorEntry) (IngestReport, error) {
	report := IngestReport{Settled: []Receipt{}, Ended: []Hold{}}
	entries = slices.Clone(entries) // the reader may own the slice
	for i := range entries {
		makeStorable(&entries[i])
	}
	var conflict error
	if next != cursor || len(entries) > 0 {
		var err error
		report.New, err = g.c.Records.Ingest(ctx, g.c.Site, cursor, next, entries)
		if err != nil && !errors.Is(err, ErrConflict) {
			return report, err
		}
		conflict = err
	}
	g.readEntries()
	settled, notSettled := g.prove(ctx, reader)
	ended, notEnded := g.endedElsewhere(ctx, reader)
	report.Settled, report.Ended = append(report.Settled, settled...), append(report.Ended, ended...)
	if err := errors.Join(notSettled, notEnded); err != nil {
		return report, err
	}
	return report, conflict
}

// makeStorable replaces values that a storage would refuse: one refused entry would
// block all later ones.
func makeStorable(e *VendorEntry) {
	const maxRaw = 64 << 10
	e.At = micro(e.At)
	e.Raw = e.Raw[:min(len(e.Raw), maxRaw)]
	switch {
	case e.ID == "":
		e.ID = hashed(fmt.Sprint(e.Lock, e.At, string(e.Raw)))
	case !storage.ValidID(e.ID):
		e.ID = hashed(e.ID)
	}
	for _, id := range []*string{&e.Lock, &e.User} {
		if *id = clean(*id); len(*id) > 200 {
			*id = hashed(*id) // it can still be found
		}
	}
	for _, text := range []*string{&e.What, &e.Detail, &e.By} {
		*text = clean(*text)
	}
}

func hashed(s string) string { return fmt.Sprintf("sha256-%x", sha256.Sum256([]byte(s))) }

// VendorEntries returns the entries of the lock system's own log that Ingest has
// stored; q.Site is ignored. Hosts can use it to show fobs and key codes beside digital
// keys.
func (g *Gate) VendorEntries(ctx context.Context, q VendorQuery) (list []VendorEntry, err error) {
	defer containIn("VendorEntries", &err)
	q.Site = g.c.Site
	return g.c.Records.VendorEntries(ctx, q)
}

// endedElsewhere ends the holds whose office mode ended according to the lock's
// entries.
func (g *Gate) endedElsewhere(ctx context.Context, reader VendorReader) (ended []Hold, err error) {
	holds, err := g.c.Records.Holds(ctx, g.c.Site)
	if err != nil {
		return nil, err
	}
	var failed []error // an error at one door does not affect the others
	for _, list := range byDoor(holds) {
		facts, err := g.load(ctx, list[0].Member, list[0].Door, g.clock())
		if failed = append(failed, err); err != nil || facts.Link.IsZero() {
			continue
		}
		for _, h := range list { // the earliest first: its end does not end a later hold
			end, err := g.endOf(ctx, reader, h, facts.Link.Lock)
			if err != nil {
				return ended, err
			}
			if end == nil {
				break
			}
			d := LogDetail{Member: h.Member, RequestID: h.RequestID, Link: facts.Link, Note: "entry " + short(end.ID)}
			row := d.seal(storage.LogEntry{At: g.clock(), Door: h.Door, Action: "hold_end", Reason: "ended_at_lock"})
			gone, err := g.c.Records.EndHolds(ctx, g.c.Site, h.Door, h.Since, row)
			if err != nil {
				return ended, err
			}
			ended = append(ended, gone...)
		}
	}
	return ended, errors.Join(failed...)
}

// endOf returns the entry that reports the end of a hold, or nil. An end before the
// hold's own start belongs to another hold. If several commands were in progress at
// once, only the lock's entries show their order. They do not show it if both have the
// same time, or while a start without an entry may still have been in progress.
func (g *Gate) endOf(ctx context.Context, reader VendorReader, h Hold, lock string) (end *VendorEntry, err error) {
	// An entry dated in the future would end every hold that begins before it.
	list, err := g.readings(ctx, reader, lock, h.Since, g.clock().Add(entryBefore))
	if err != nil {
		return nil, err
	}
	var started time.Time
	for _, e := range list {
		ownStart := e.Action == access.OfficeMode && !e.At.After(h.Since.Add(startedWithin))
		afterStart := !started.IsZero() || e.At.After(h.Since.Add(AnswerWithin))
		switch {
		case ownStart:
			started, end = e.At, nil
		case e.Action == access.Lock && end == nil && afterStart && !e.At.Equal(started):
			end = &e.VendorEntry
		}
	}
	return end, nil
}
