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

// Entries reads SALTO's audit log for gate.Ingest. Make one with Locks.Entries; it
// is safe for concurrent use.
type Entries struct {
	l    *Locks
	from time.Time
	mu   sync.Mutex
	of   *saltoks.Client // the client whose user self is
	self saltoks.UserID  // the SALTO user that sends the commands, once known
}

// deepEvery is how often a Poll reads everything again, for entries that appeared later
// than saltoks.DefaultOverlap and those of a lock with a wrong clock.
const deepEvery = 24 * time.Hour

var _ gate.VendorFollower = (*Entries)(nil)

// Entries returns a reader of the entries of the site's audit log since from. The zero
// time reads everything that SALTO keeps, 90 days by default.
func (l *Locks) Entries(from time.Time) *Entries { return &Entries{l: l, from: from} }

// Poll implements gate.VendorReader. The cursor is a saltoks.EntryCursor as JSON.
func (e *Entries) Poll(ctx context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	session, err := e.l.session(ctx)
	if err != nil {
		return nil, "", catalogError(err)
	}
	since, err := e.since(cursor)
	if err != nil {
		return nil, "", err
	}
	list, next, err := session.Client.Entries.Poll(ctx, session.Site, since, saltoks.DeepEvery(deepEvery))
	if err != nil {
		return nil, "", catalogError(err)
	}
	entries := make([]gate.VendorEntry, len(list))
	for i, v := range list {
		if entries[i], err = vendorEntry(v); err != nil {
			return nil, "", err
		}
	}
	text, err := json.Marshal(next)
	return entries, string(text), err
}

func vendorEntry(v saltoks.Entry) (gate.VendorEntry, error) {
	raw, err := json.Marshal(v)
	return gate.VendorEntry{
		ID: string(v.ID), Lock: string(v.Lock), At: v.At, What: string(v.Category), Detail: v.Detail,
		By: string(v.AccessBy), User: string(v.User), Raw: raw,
	}, err
}

func (e *Entries) since(cursor string) (saltoks.EntryCursor, error) {
	since := saltoks.EntryCursor{From: e.from}
	if cursor == "" {
		return since, nil
	}
	if err := json.Unmarshal([]byte(cursor), &since); err != nil {
		return since, fmt.Errorf("saltolocks: the stored cursor is not valid; delete it to read SALTO's log from the start: %w", err)
	}
	return since, nil
}

// Meaning implements gate.VendorReader (WIRE.md 2.7). It sets Ours for remote commands
// of the connection's user, which it reads from SALTO once.
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
	s, err := e.l.session(ctx)
	if err != nil {
		return "", catalogError(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of != s.Client {
		me, err := s.Client.Me.Get(ctx)
		if err != nil {
			return "", catalogError(err)
		}
		e.of, e.self = s.Client, me.ID
	}
	return e.self, nil
}
