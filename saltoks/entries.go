package saltoks

import (
	"context"
	"iter"
	"slices"
	"time"
)

// EntriesService reads SALTO's own audit log, newest first.
type EntriesService service

// Entry is one row of SALTO's audit log (WIRE.md 2.7, measured). Remote
// openings carry the platform user of the token, not the member behind it.
type Entry struct {
	ID       EntryID       `json:"id"`
	Category EventCategory `json:"event_category"`
	// Detail says why a rejected one was rejected ("no_access", "suspended",
	// "offline"), or "start" and "end" of office mode.
	Detail string `json:"event_detail"`
	// At has whole seconds.
	At        time.Time `json:"utc_date_time"`
	LocalTime LocalTime `json:"local_date_time"`
	Lock      LockID    `json:"lock_id"`
	LockName  string    `json:"lock_customer_reference"`
	LockMAC   string    `json:"lock_mac_address"`
	// User is empty for an unknown tag, and an id that belongs to nobody for an
	// unknown PIN: look it up, never assume it is there.
	User          UserID   `json:"user_id"`
	FirstName     string   `json:"user_first_name"`
	LastName      string   `json:"user_last_name"`
	Alias         string   `json:"user_alias"`
	ImageURL      string   `json:"user_image_url"`
	IQ            IQID     `json:"iq_id"`
	IQName        string   `json:"iq_customer_reference"`
	IQMAC         string   `json:"iq_mac_address"`
	IQRevision    string   `json:"iq_revision"`
	ExitRequested bool     `json:"exit_requested"`
	AccessBy      AccessBy `json:"access_by"`
	// AccessDetail is a tag's number, or empty.
	AccessDetail string `json:"access_detail"`
	// ExpiresAt is when SALTO deletes the row.
	ExpiresAt time.Time `json:"expiration_date_time"`
}

type entryWire struct {
	Entry
	At        instant `json:"utc_date_time"`
	ExpiresAt instant `json:"expiration_date_time"`
}

func (w *entryWire) value() Entry {
	w.Entry.At, w.Entry.ExpiresAt = w.At.Time, w.ExpiresAt.Time
	return w.Entry
}

// EntryOption sizes or narrows a list of entries.
type EntryOption = ListOption

// All lists the entries of a site, newest first. It goes through everything
// SALTO kept, 90 days by default: stop when you have enough.
func (s *EntriesService) All(ctx context.Context, site SiteID, opts ...EntryOption) iter.Seq2[Entry, error] {
	opts = append([]ListOption{newestFirst}, opts...)
	return list(ctx, s.c, (*entryWire).value, func(e *Entry) string { return string(e.ID) }, opts,
		"/v1.1/sites/{site}/entries", string(site)) // v1.1 only: v1.2 answers 405 (measured)
}

func newestFirst(c *listConfig) { c.query.Set("$orderby", "utc_date_time desc") }

// EntryCursor remembers how far Poll has read. It is plain data: store it as
// JSON. Start with EntryCursor{From: t}; the zero cursor reads all that is kept.
type EntryCursor struct {
	// From is where the reading began; nothing older is ever told.
	From time.Time `json:"from,omitzero"`
	// At is the newest entry's time, those apart that lie in the future.
	At time.Time `json:"at,omitzero"`
	// Seen are the entries known in the Overlap before At and after it.
	Seen []EntryID `json:"seen,omitempty"`
}

// Overlap is how far Poll reads back behind the newest entry it knows: locks
// report late, so rows appear behind newer ones.
const Overlap = 15 * time.Minute

// Poll reads what came since the cursor, oldest first, each entry once, and the
// cursor for the next time. A row that SALTO shows more than Overlap after newer
// ones is not found. After an error the old cursor stays good.
func (s *EntriesService) Poll(ctx context.Context, site SiteID, since EntryCursor) ([]Entry, EntryCursor, error) {
	known := make(map[EntryID]bool, len(since.Seen))
	for _, id := range since.Seen {
		known[id] = true
	}
	from := since.From
	if back := since.At.Add(-Overlap); !since.At.IsZero() && back.After(from) {
		from = back
	}
	next := EntryCursor{From: since.From, At: since.At}
	ahead := time.Now().Add(Overlap) // a lock whose clock runs years ahead must not hide what comes until then
	var fresh, window []Entry
	for e, err := range s.All(ctx, site) {
		if err != nil {
			return nil, since, err
		}
		if e.At.Before(from) && !e.At.IsZero() { // a time that does not parse ends nothing
			break
		}
		if e.At.After(next.At) && !e.At.After(ahead) {
			next.At = e.At
		}
		window = append(window, e)
		if !known[e.ID] {
			known[e.ID] = true
			fresh = append(fresh, e)
		}
	}
	for _, e := range window {
		if e.At.IsZero() || !e.At.Before(next.At.Add(-Overlap)) {
			next.Seen = append(next.Seen, e.ID)
		}
	}
	slices.SortStableFunc(fresh, func(a, b Entry) int { return a.At.Compare(b.At) })
	return fresh, next, nil
}
