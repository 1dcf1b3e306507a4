package saltolocks

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

// Entries reads SALTO's audit log for gate.Ingest. Make one with Locks.Entries.
type Entries struct {
	l    *Locks
	from time.Time
	mu   sync.Mutex
	self saltoks.UserID // the platform user commands are sent as, once known
}

var _ gate.VendorReader = (*Entries)(nil)

// Entries returns a reader of the site's audit log from an instant on; the zero
// time reads all that SALTO kept, 90 days by default.
func (l *Locks) Entries(from time.Time) *Entries { return &Entries{l: l, from: from} }

// Poll implements gate.VendorReader. The cursor is saltoks.EntryCursor as JSON.
func (e *Entries) Poll(ctx context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	since := saltoks.EntryCursor{From: e.from}
	if cursor != "" {
		if err := json.Unmarshal([]byte(cursor), &since); err != nil {
			return nil, "", fmt.Errorf("saltolocks: the stored cursor does not read; delete it to read SALTO's log anew: %w", err)
		}
	}
	list, next, err := e.l.c.Client.Entries.Poll(ctx, e.l.c.Site, since)
	if err != nil {
		return nil, "", catalogError(err)
	}
	entries := make([]gate.VendorEntry, len(list))
	for i, v := range list {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, "", err
		}
		entries[i] = gate.VendorEntry{
			ID: string(v.ID), Lock: string(v.Lock), At: v.At, What: string(v.Category), Detail: v.Detail, By: string(v.AccessBy), User: string(v.User), Raw: raw,
		}
	}
	text, err := json.Marshal(next)
	return entries, string(text), err
}

// Meaning implements gate.VendorReader (WIRE.md 2.7). It asks SALTO once who the
// connection's user is.
func (e *Entries) Meaning(ctx context.Context, v gate.VendorEntry) (gate.Meaning, error) {
	var m gate.Meaning
	switch what := saltoks.EventCategory(v.What); {
	case what == saltoks.LockOpened:
		m.Action = access.Unlock
	case (what == saltoks.OfficeModeEvent || what == saltoks.EasyOfficeMode) && v.Detail == "start":
		m.Action = access.OfficeMode
	case (what == saltoks.OfficeModeEvent || what == saltoks.EasyOfficeMode) && v.Detail == "end":
		m.Action = access.Lock
	default:
		return m, nil
	}
	if saltoks.AccessBy(v.By) != saltoks.ByRemote || v.User == "" {
		return m, nil
	}
	self, err := e.me(ctx)
	m.Ours = err == nil && saltoks.UserID(v.User) == self
	return m, err
}

func (e *Entries) me(ctx context.Context) (saltoks.UserID, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.self == "" {
		me, err := e.l.c.Client.Me.Get(ctx)
		if err != nil {
			return "", catalogError(err)
		}
		e.self = me.ID
	}
	return e.self, nil
}
