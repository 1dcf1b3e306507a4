package saltoks

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// EntriesService reads SALTO's audit log, newest first.
type EntriesService service

// Entry is one row of SALTO's audit log (WIRE.md 2.7). The entry of a remote
// opening names the platform user of the token, not the member for whom the
// door was opened.
type Entry struct {
	ID       EntryID       `json:"id"`
	Category EventCategory `json:"event_category"`
	// Detail is why a lock rejected a user ("no_access", "suspended",
	// "offline"), or "start" and "end" of office mode.
	Detail string `json:"event_detail"`
	// At is the time by the lock's clock, in UTC and whole seconds.
	At        time.Time `json:"utc_date_time,omitzero"`
	LocalTime LocalTime `json:"local_date_time,omitzero"`
	Lock      LockID    `json:"lock_id"`
	LockName  string    `json:"lock_customer_reference"`
	LockMAC   string    `json:"lock_mac_address"`
	// User is empty for an unknown tag. For an unknown PIN it is an id that no
	// user has, so a lookup may find nothing.
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
	ExpiresAt time.Time `json:"expiration_date_time,omitzero"`
	// TTLSeconds is how long SALTO keeps the row.
	TTLSeconds int64 `json:"ttl_in_seconds,omitzero"`
}

const routeEntries = "/v1.1/sites/{site}/entries" // v1.2 answers 405

// All lists the entries of a site, newest first. It lists every entry that
// SALTO keeps, 90 days by default: stop ranging when you have enough.
func (s *EntriesService) All(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[Entry, error] {
	newestFirst := func(r *Request) { r.Query.Set("$orderby", "utc_date_time desc") }
	opts = append([]ListOption{newestFirst}, opts...)
	return list[Entry](ctx, s.c, opts, routeEntries, string(site))
}

// EntryCursor records how far Poll has read. It is plain data: store it as
// JSON. Start with EntryCursor{From: t}; the zero cursor reads every entry that
// SALTO keeps.
type EntryCursor struct {
	// From is the start of the reading; Poll returns no older entry.
	From time.Time `json:"from,omitzero"`
	// At is the time of the newest entry, not counting entries with a time in
	// the future.
	At time.Time `json:"at,omitzero"`
	// Seen holds the ids of the entries within the overlap that were already
	// returned.
	Seen []EntryID `json:"seen"`
	// DeepAt is the time of the last deep pass.
	DeepAt time.Time `json:"deep_at,omitzero"`
}

// DefaultOverlap is how far Poll reads back before the newest entry it knows.
const DefaultOverlap = 15 * time.Minute

// PollOption changes one Poll.
type PollOption func(*pollConfig)

type pollConfig struct {
	overlap   time.Duration
	deep      bool
	deepEvery time.Duration
	err       error
}

func newPollConfig(opts []PollOption) pollConfig {
	cfg := pollConfig{overlap: DefaultOverlap}
	for _, o := range opts {
		if o != nil {
			o(&cfg)
		}
	}
	return cfg
}

// Overlap makes Poll read back d before the newest entry it knows; d must be
// positive. Entries of an IQ that was offline appear late, with times before
// those of entries already read. A longer overlap finds entries that appear
// later, at the cost of more requests. When d grows from one Poll to the next,
// entries may be returned a second time.
func Overlap(d time.Duration) PollOption {
	return func(c *pollConfig) {
		if c.overlap = d; d <= 0 {
			c.err = errors.New("Overlap: must be positive")
		}
	}
}

// DeepEvery makes Poll do a deep pass when d has passed since the cursor's last
// one, and at the first Poll; zero makes every Poll a deep pass. A deep pass
// reads every entry that SALTO keeps. It finds entries that appeared later than
// the overlap covers, and the entries of a lock whose clock went back by years.
// It returns all entries since From again, except those in the cursor's Seen:
// recognize duplicates by their ID.
func DeepEvery(d time.Duration) PollOption {
	return func(c *pollConfig) {
		c.deep, c.deepEvery = true, d
		if d < 0 {
			c.err = errors.New("DeepEvery: must not be negative")
		}
	}
}

// Poll returns the entries since the cursor, oldest first, and the cursor for
// the next Poll. Each entry is returned once, except after a deep pass. An
// entry that appears later than the overlap covers is found by a deep pass
// only. After an error the old cursor stays valid.
func (s *EntriesService) Poll(ctx context.Context, site SiteID, since EntryCursor, opts ...PollOption) ([]Entry, EntryCursor, error) {
	cfg := newPollConfig(opts)
	if cfg.err != nil {
		return nil, since, s.c.refuse(newRequest("GET", routeEntries, Safe, string(site)), cfg.err)
	}
	p := newPoll(cfg, since, s.c.cfg.Now())
	for e, err := range s.All(ctx, site) {
		if err != nil {
			return nil, since, err
		}
		if !p.add(e) {
			break
		}
	}
	fresh, next := p.result()
	return fresh, next, nil
}

// poll collects the entries of one Poll, read newest first.
type poll struct {
	now     time.Time
	overlap time.Duration
	deep    bool
	from    time.Time // of the cursor
	stop    time.Time // a normal pass ends at the first entry before this time
	known   map[EntryID]bool
	fresh   []Entry
	window  []Entry // what the next poll may read again
	next    EntryCursor
}

func newPoll(cfg pollConfig, since EntryCursor, now time.Time) *poll {
	p := &poll{
		fresh: []Entry{}, now: now, overlap: cfg.overlap, from: since.From, stop: since.From,
		known: make(map[EntryID]bool, len(since.Seen)),
	}
	p.next = EntryCursor{From: since.From, At: since.At, Seen: []EntryID{}, DeepAt: since.DeepAt}
	if p.deep = cfg.deep && now.Sub(since.DeepAt) >= cfg.deepEvery; p.deep {
		p.next.DeepAt = now.UTC()
	}
	for _, id := range since.Seen {
		p.known[id] = true
	}
	if back := since.At.Add(-cfg.overlap); !since.At.IsZero() && back.After(p.stop) {
		p.stop = back
	}
	return p
}

// add takes the next entry. It returns false when no further one is needed.
func (p *poll) add(e Entry) bool {
	timed := !e.At.IsZero() // an entry whose time does not parse does not end the pass
	if timed && e.At.Before(p.stop) && !p.deep {
		return false
	}
	if timed && e.At.Before(p.from) && !e.wrongClock(p.now) {
		return true
	}
	// A lock whose clock is years ahead must not hide later entries of other
	// locks.
	if e.At.After(p.next.At) && !e.At.After(p.now.Add(p.overlap)) {
		p.next.At = e.At
	}
	p.window = append(p.window, e)
	if !p.known[e.ID] {
		p.known[e.ID] = true
		p.fresh = append(p.fresh, e)
	}
	return true
}

// wrongClock reports that SALTO would have deleted the entry by now if its time
// were right.
func (e Entry) wrongClock(now time.Time) bool {
	const day, most = 24 * 60 * 60, 100 * 366 * 24 * 60 * 60
	return e.TTLSeconds > 0 && e.TTLSeconds < most && e.At.Unix()+e.TTLSeconds+day < now.Unix()
}

func (p *poll) result() ([]Entry, EntryCursor) {
	for _, e := range p.window {
		if e.At.IsZero() || !e.At.Before(p.next.At.Add(-p.overlap)) {
			p.next.Seen = append(p.next.Seen, e.ID)
		}
	}
	slices.Reverse(p.fresh) // entries of the same second keep their order
	slices.SortStableFunc(p.fresh, func(a, b Entry) int { return a.At.Compare(b.At) })
	return p.fresh, p.next
}
