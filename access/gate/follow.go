package gate

import (
	"context"
	"sync"
	"time"
)

// VendorFollower is a VendorReader that can wait for entries, because the lock system
// publishes them.
type VendorFollower interface {
	VendorReader
	// Follow passes entries to store as they appear, each time with the cursor after
	// them: the same one if they do not move it. It begins after cursor and returns when
	// ctx ends, or with the error of store.
	Follow(ctx context.Context, cursor string, store func(entries []VendorEntry, next string) error) error
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

// becameUnconfirmed makes Follow look for the command's entry.
func (g *Gate) becameUnconfirmed() {
	select {
	case g.unconfirmed <- struct{}{}:
	default:
	}
}
