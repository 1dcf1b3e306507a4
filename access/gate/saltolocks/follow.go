package saltolocks

import (
	"context"
	"encoding/json"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

// Follow implements gate.VendorFollower with SALTO's event stream, and by polling while
// SALTO does not offer it. It returns when the connection or its site changes, so that
// the next call uses the new one.
func (e *Entries) Follow(ctx context.Context, cursor string, store func([]gate.VendorEntry, string) error) error {
	for {
		entries, next, err := e.Poll(ctx, cursor) // a deep pass, if one is due
		if err != nil {
			return err
		}
		if err := store(entries, next); err != nil {
			return err
		}
		since, err := e.since(next)
		if err != nil {
			return err
		}
		f := &following{Entries: e, cursor: next, store: store}
		if changed, err := f.stream(ctx, since); changed || err != nil {
			return err
		}
		cursor = f.cursor
	}
}

// following is one stream of a Follow.
type following struct {
	*Entries
	cursor string
	store  func([]gate.VendorEntry, string) error
	polled time.Time // of the last poll whose cursor was stored
	failed error     // of storeCursor
}

// stream stores what the event stream delivers, until the next deep pass is due. It
// returns true if the connection has changed.
func (f *following) stream(ctx context.Context, since saltoks.EntryCursor) (changed bool, err error) {
	session, err := f.l.session(ctx)
	if err != nil {
		return false, catalogError(err)
	}
	limited, stop := context.WithCancel(ctx)
	defer stop()
	left := since.DeepAt.Add(deepEvery).Sub(f.l.now())
	time.AfterFunc(max(left, saltoks.DefaultStreamPoll), stop)
	state := saltoks.OnStreamState(func(s saltoks.StreamState) {
		if f.failed = f.storeCursor(s); f.failed != nil {
			stop()
			return
		}
		now, err := f.l.session(ctx)
		if changed = err != nil || now.Client != session.Client || now.Site != session.Site; changed {
			stop()
		}
	})
	poll := saltoks.PollEvery(saltoks.DefaultStreamPoll)
	for v, err := range session.Client.Entries.Stream(limited, session.Site, saltoks.Since(since), poll, state) {
		switch {
		case f.failed != nil:
			return false, f.failed
		case changed, err != nil && limited.Err() != nil && ctx.Err() == nil:
			return changed, nil
		case err != nil:
			return false, catalogError(err)
		}
		entry, err := vendorEntry(v)
		if err != nil {
			return false, err
		}
		if err := f.store([]gate.VendorEntry{entry}, f.cursor); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// storeCursor stores the cursor of the last poll, even if the poll did not change it:
// the gate records when the log was last read.
func (f *following) storeCursor(s saltoks.StreamState) error {
	text, err := json.Marshal(s.Cursor)
	if err != nil || string(text) == f.cursor && s.PolledAt.Equal(f.polled) {
		return err
	}
	if err := f.store(nil, string(text)); err != nil {
		return err
	}
	f.cursor, f.polled = string(text), s.PolledAt
	return nil
}
