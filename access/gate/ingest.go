package gate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	// Meaning returns what an entry reports. With an error, only Ours is missing.
	Meaning(ctx context.Context, e VendorEntry) (Meaning, error)
	// Name returns the name of a user of the lock system, for entries that do not
	// contain it; empty if there is none. It limits how often it asks the lock system.
	Name(ctx context.Context, user string) (string, error)
}

// VendorFollower is a VendorReader that can wait for entries, because the lock system
// publishes them.
type VendorFollower interface {
	VendorReader
	// Follow passes entries to store as they appear, each time with the cursor after
	// them: the same one if they do not move it. It begins after cursor and returns when
	// ctx ends, or with the error of store.
	Follow(ctx context.Context, cursor string, store func(entries []VendorEntry, next string) error) error
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
	g.entriesRead.Store(new(g.clock()))
	settled, notSettled := g.prove(ctx, reader)
	ended, notEnded := g.endedElsewhere(ctx, reader)
	report.Settled, report.Ended = append(report.Settled, settled...), append(report.Ended, ended...)
	if err := errors.Join(notSettled, notEnded); err != nil {
		return report, err
	}
	return report, conflict
}

// proveEvery is how often Follow looks for commands that have become Unconfirmed in
// other processes.
const proveEvery = 30 * time.Second

// Follow does what Ingest does as the entries appear: it settles an Unconfirmed command
// as soon as its entry is there. It blocks until ctx ends or the reader fails; after an
// error, call it again. A Runner calls it.
func (g *Gate) Follow(ctx context.Context, reader VendorFollower) (err error) {
	defer containIn("Follow", &err)
	cursor, err := g.c.Records.Cursor(ctx, g.c.Site)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var proving sync.WaitGroup
	defer proving.Wait()
	defer stop()
	proving.Go(func() { g.proveLater(ctx, reader) })
	return contain("VendorReader", func() error {
		return reader.Follow(ctx, cursor, func(entries []VendorEntry, next string) error {
			_, err := g.ingest(ctx, reader, cursor, next, entries)
			cursor = next
			return err
		})
	})
}

// proveLater settles commands that became Unconfirmed after their entry was stored.
func (g *Gate) proveLater(ctx context.Context, reader VendorReader) {
	tick := time.NewTicker(proveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.unconfirmed:
		case <-tick.C:
		}
		err := contain("Records", func() error { _, err := g.prove(ctx, reader); return err })
		if err != nil && ctx.Err() == nil {
			g.c.Logger.WarnContext(ctx, "gate: commands could not be settled by entries", "site", g.c.Site, "error", err)
		}
	}
}

// becameUnconfirmed wakes proveLater: the entry of a command may be stored already.
func (g *Gate) becameUnconfirmed() {
	select {
	case g.unconfirmed <- struct{}{}:
	default:
	}
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
		ownStart := e.action() == access.OfficeMode && !e.At.After(h.Since.Add(startedWithin))
		afterStart := !started.IsZero() || e.At.After(h.Since.Add(AnswerWithin))
		switch {
		case ownStart:
			started, end = e.At, nil
		case e.action() == access.Lock && end == nil && afterStart && !e.At.Equal(started):
			end = &e.VendorEntry
		}
	}
	return end, nil
}
