package saltolocks

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

// Entries reads SALTO's audit log for gate.Gate.Ingest. Make one with Locks.Entries; it
// is safe for concurrent use.
type Entries struct {
	l    *Locks
	from time.Time
	mu   sync.Mutex
	self saltoks.UserID  // the SALTO user that sends the commands, once known
	of   *saltoks.Client // the client that self was read with
	// noSelf is when self could not be read.
	noSelf time.Time

	names names
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
	m := gate.Meaning{Event: eventOf(v), Means: meansOf(v.By)}
	if m.Event == gate.LockRejected {
		m.Reason = v.Detail
	}
	var row saltoks.Entry
	if len(v.Raw) > 0 && json.Unmarshal(v.Raw, &row) == nil { // it is gone once the user was erased
		m.UserName, m.LockName = fullName(row.FirstName, row.LastName, row.Alias), row.LockName
	}
	moved := m.Event == gate.LockOpened || m.Event == gate.OfficeModeBegan || m.Event == gate.OfficeModeEnded
	if !moved || m.Means != gate.MeansRemote || v.User == "" {
		return m, nil
	}
	self, err := e.me(ctx)
	m.Ours = err == nil && saltoks.UserID(v.User) == self
	return m, err
}

func eventOf(v gate.VendorEntry) gate.LockEvent {
	switch what, began, ended := saltoks.EventCategory(v.What), v.Detail == "start", v.Detail == "end"; what {
	case saltoks.LockOpened:
		return gate.LockOpened
	case saltoks.LockRejected:
		return gate.LockRejected
	case saltoks.OfficeModeEvent, saltoks.EasyOfficeMode:
		if began {
			return gate.OfficeModeBegan
		}
		if ended {
			return gate.OfficeModeEnded
		}
	case saltoks.PrivacyMode:
		if began {
			return gate.PrivacyModeBegan
		}
		if ended {
			return gate.PrivacyModeEnded
		}
	}
	return ""
}

// meansOf returns the means for SALTO's word. The word for its own mobile key is not
// known (WIRE.md 2.7).
func meansOf(by string) gate.Means {
	switch by := saltoks.AccessBy(by); {
	case by == "":
		return ""
	case by == saltoks.ByTag:
		return gate.MeansFob
	case by == saltoks.ByPINCode:
		return gate.MeansKeyCode
	case by == saltoks.ByInsideHandle:
		return gate.MeansInsideHandle
	case by == saltoks.ByRemote:
		return gate.MeansRemote
	case strings.Contains(string(by), "mobile"):
		return gate.MeansMobileKey
	}
	return gate.MeansOther
}

// selfPause is the time between two reads of self that fail: the meaning of many
// entries depends on it.
const selfPause = 10 * time.Second

var errNoSelf = fmt.Errorf("saltolocks: the connection's user could not be read a moment ago: %w", gate.ErrCloudUnavailable)

// me returns the SALTO user of the connection. It is read once per connection.
func (e *Entries) me(ctx context.Context) (saltoks.UserID, error) {
	s, err := e.l.session(ctx)
	if err != nil {
		return "", catalogError(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of != s.Client {
		if time.Since(e.noSelf) < selfPause {
			return "", errNoSelf
		}
		me, err := s.Client.Me.Get(ctx)
		if err != nil {
			e.noSelf = time.Now()
			return "", catalogError(err)
		}
		e.of, e.self = s.Client, me.ID
	}
	return e.self, nil
}
