package gate

import (
	"context"
	"errors"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Recover settles every command of the site whose process ended as Unconfirmed, and
// returns how many. Call it when the host starts and once a minute; any number of
// processes may call it. Nothing is ever sent again.
func (g *Gate) Recover(ctx context.Context) (settled int, err error) {
	defer containIn("Recover", &err)
	const batch = 100
	for {
		query := storage.JournalQuery{Site: g.c.Site, Outcome: Sending, SendByBefore: g.clock().Add(-staleAfter), Limit: batch}
		list, err := g.c.Records.Entries(ctx, query)
		if err != nil {
			return settled, err
		}
		for _, e := range list {
			switch err := g.abandon(ctx, e); {
			case err == nil:
				settled++
			case !errors.Is(err, ErrConflict): // a conflict: it was settled meanwhile
				return settled, err
			}
		}
		if len(list) < batch {
			return settled, nil
		}
	}
}

// abandon settles a command whose process ended.
func (g *Gate) abandon(ctx context.Context, e storage.JournalEntry) error {
	c, unreadable := g.reopen(e) // it is settled all the same
	at := g.clock()
	if at.IsZero() {
		at = e.SendBy.Add(staleAfter)
	}
	r := c.receipt(Unconfirmed, at)
	r.Cause, r.Err = CauseInterrupted, unreadable
	s := g.settlement(c, &r, at)
	return contain("Records", func() error { _, err := g.c.Records.Settle(ctx, s); return err })
}

// reopen converts a journal entry to a claimed, to settle it.
func (g *Gate) reopen(e storage.JournalEntry) (claimed, error) {
	c, doc, err := reopen(e)
	c.loc = g.c.Zones.load(doc.Zone, g.clock())
	return c, err
}

// reopen converts a journal entry to a claimed without its zone. If the entry's
// document cannot be read, the result has no decision and no link, and there is an
// error.
func reopen(e storage.JournalEntry) (claimed, entryDoc, error) {
	doc, err := readDoc(&e)
	tap := Tap{RequestID: e.RequestID, Member: e.Member, Door: e.Door, TappedAt: doc.TappedAt, Source: doc.Source, Actor: doc.Actor}
	d := decided{
		request:  request{tap, e.Action, e.RequestKey},
		decision: doc.decision(), evidence: doc.Evidence, reservation: doc.Reservation, link: doc.Link,
	}
	return claimed{d, e}, doc, err
}

// Prune removes receipts older than KeepReceipts. Call it once a day.
func (g *Gate) Prune(ctx context.Context) (removed int, err error) {
	defer containIn("Prune", &err)
	return g.c.Records.Prune(ctx, g.c.Site, g.clock().Add(-KeepReceipts))
}
