// Package memstore keeps everything a gate needs in memory. It is the reference
// implementation of package storage, and enough for tests, demonstrations and a
// simulator.
//
// It implements every interface and is safe for concurrent use. It loses everything
// when the process ends: use sqlstore where requests must survive a restart.
package memstore

import (
	"context"
	"sync"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Store is a storage in memory. Make one with New.
type Store struct {
	mu     sync.RWMutex
	sites  map[string]*site
	leases map[leaseName]lease
}

var (
	_ storage.Facts            = (*Store)(nil)
	_ storage.DoorStore        = (*Store)(nil)
	_ storage.RuleStore        = (*Store)(nil)
	_ storage.MemberStore      = (*Store)(nil)
	_ storage.ReservationStore = (*Store)(nil)
	_ storage.Records          = (*Store)(nil)
)

// New returns an empty Store.
func New() *Store { return &Store{sites: map[string]*site{}, leases: map[leaseName]lease{}} }

// Durable reports false: a restart loses everything.
func (s *Store) Durable() bool { return false }

type site struct {
	doors   []storage.Door // in the order they were added
	rules   storage.Rules  // Version 0: the site has no rules
	grants  map[string]storage.Grant
	members map[string]*storage.Member
	// granted holds a member's grants in byte order of their ids. Load returns these
	// lists, so they are not changed in place.
	granted  map[string][]access.Grant
	bookings bookings
	records
}

// read runs fn on a site; several reads run at the same time. A site that does not
// exist is read as an empty one.
func (s *Store) read(ctx context.Context, id string, fn func(*site) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.sites[id]
	if st == nil {
		st = newSite()
	}
	return fn(st)
}

// write runs fn on a site, alone. It adds a site that does not exist.
func (s *Store) write(ctx context.Context, id string, fn func(*site) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.sites[id]
	if st == nil {
		st = newSite()
		s.sites[id] = st
	}
	return fn(st)
}

func newSite() *site {
	return &site{
		grants: map[string]storage.Grant{}, members: map[string]*storage.Member{}, granted: map[string][]access.Grant{},
		bookings: newBookings(), records: newRecords(),
	}
}

// Load implements storage.Facts.
func (s *Store) Load(ctx context.Context, query storage.FactsQuery) (snap storage.Snapshot, err error) {
	err = s.read(ctx, query.Site, func(st *site) error {
		var doors []storage.Door
		if i := st.door(query.Door); i >= 0 {
			doors = st.doors[i : i+1 : i+1]
		}
		list, err := st.snapshots(query, doors)
		if err == nil {
			snap = list[0]
		}
		return err
	})
	return snap, err
}

// LoadAll implements storage.Facts.
func (s *Store) LoadAll(ctx context.Context, query storage.FactsQuery) (list []storage.Snapshot, err error) {
	err = s.read(ctx, query.Site, func(st *site) (err error) {
		if len(st.doors) > 0 || st.rules.Version == 0 {
			list, err = st.snapshots(query, st.doors)
		}
		return err
	})
	return list, err
}

func (st *site) snapshots(query storage.FactsQuery, doors []storage.Door) ([]storage.Snapshot, error) {
	if st.rules.Version == 0 {
		return nil, &storage.UnknownSiteError{Site: query.Site}
	}
	raw := storage.RawFacts{Query: query, Rules: st.rules, Doors: doors}
	if m := st.members[query.Member]; m != nil {
		raw.Member, raw.Grants = &m.Member, st.granted[query.Member]
		from, until := query.Span()
		for _, r := range st.bookings.find(storage.ReservationQuery{Resources: raw.Resources(), EndAfter: from, StartBefore: until}) {
			raw.Reservations = append(raw.Reservations, r.Reservation)
		}
	}
	return raw.Snapshots(), nil
}
