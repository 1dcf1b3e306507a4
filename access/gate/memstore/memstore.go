// Package memstore keeps everything a gate needs in memory. It is the reference
// implementation of package storage, and enough for tests, demonstrations and a
// simulator.
//
// It implements every interface and is safe for concurrent use. It loses everything
// when the process ends: use sqlstore where requests must survive a restart.
package memstore

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Store is a storage in memory. Make one with New.
type Store struct {
	mu     sync.RWMutex
	sites  map[string]*site
	leases map[leaseName]lease
}

var (
	_ storage.Facts     = (*Store)(nil)
	_ storage.FactStore = (*Store)(nil)
	_ storage.Records   = (*Store)(nil)
	_ storage.ManySites = (*Store)(nil)
)

// New returns an empty Store.
func New() *Store { return &Store{sites: map[string]*site{}, leases: map[leaseName]lease{}} }

// Durable reports false: a restart loses everything.
func (s *Store) Durable() bool { return false }

type site struct {
	rules        table[storage.Rules]
	doors        table[storage.Door]
	members      table[storage.Member]
	grants       table[storage.Grant]       // grouped by member
	reservations table[storage.Reservation] // grouped by resource
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
		rules: newTable(ungrouped[storage.Rules]), doors: newTable(ungrouped[storage.Door]), members: newTable(ungrouped[storage.Member]),
		grants:       newTable(func(g *storage.Grant) string { return g.Member }),
		reservations: newTable(func(r *storage.Reservation) string { return r.Resource }),
		records:      newRecords(),
	}
}

// Load implements storage.Facts.
func (s *Store) Load(ctx context.Context, query storage.FactsQuery) (storage.Snapshot, error) {
	raw, err := s.load(ctx, query, func(*site) []string { return []string{query.Door} })
	return raw.Snapshot(), err
}

// LoadAll implements storage.Facts.
func (s *Store) LoadAll(ctx context.Context, query storage.FactsQuery) ([]storage.Snapshot, error) {
	raw, err := s.load(ctx, query, func(st *site) []string { return st.doors.order })
	return raw.Snapshots(), err
}

// load reads what the questions of some doors require; ids returns the ids of the doors.
func (s *Store) load(ctx context.Context, query storage.FactsQuery, ids func(*site) []string) (raw storage.RawFacts, err error) {
	err = s.read(ctx, query.Site, func(st *site) error {
		rules := st.rules.rows[query.Site]
		if rules == nil {
			return storage.NotFound(storage.KindSite, query.Site)
		}
		raw.Rules = *rules
		for _, id := range ids(st) {
			if d := st.doors.rows[id]; d != nil {
				raw.Doors = append(raw.Doors, *d)
			}
		}
		m := st.members.rows[query.Member]
		if m == nil {
			return nil
		}
		raw.Member = &m.Member
		for _, id := range slices.Sorted(maps.Keys(st.grants.groups[query.Member])) {
			raw.Grants = append(raw.Grants, st.grants.rows[id].Grant)
		}
		from, until := query.Span()
		for _, r := range st.selected(storage.ReservationQuery{Resources: raw.Resources(), EndAfter: from, StartBefore: until}) {
			raw.Reservations = append(raw.Reservations, r.Reservation)
		}
		return nil
	})
	return raw, err
}
