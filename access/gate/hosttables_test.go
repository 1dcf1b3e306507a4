package gate_test

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// hostTables are a host's own tables with rows that no storage accepts: the rows of the
// site's store, with changes.
type hostTables struct {
	*memstore.Store
	mu      sync.Mutex
	rules   func(*gate.Rules)
	grants  map[string]access.Grant
	members map[string]access.Member
}

// bad lets the facts of the fixture be those of a host's own tables.
func (b *fixture) bad() *hostTables {
	f := b.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.host == nil {
		f.host = &hostTables{Store: f.Store, grants: map[string]access.Grant{}, members: map[string]access.Member{}}
		f.facts = storage.JoinFacts(storage.Readers{Doors: f.Store, Rules: f.host, Members: f.host, Reservations: f.Store})
	}
	return f.host
}

func (h *hostTables) setRules(change func(*gate.Rules)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = change
}

func (h *hostTables) setGrant(g access.Grant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.grants[g.ID] = g
}

func (h *hostTables) setMember(m access.Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members[m.ID] = m
}

// clean leaves the rows of the store alone.
func (h *hostTables) clean() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = nil
	clear(h.grants)
	clear(h.members)
}

func (h *hostTables) Rules(ctx context.Context, id string) (gate.Rules, error) {
	r, err := h.Store.Rules(ctx, id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && h.rules != nil {
		h.rules(&r)
	}
	return r, err
}

func (h *hostTables) Grants(ctx context.Context, id, member string) ([]gate.Grant, error) {
	list, err := h.Store.Grants(ctx, id, member)
	h.mu.Lock()
	defer h.mu.Unlock()
	list = slices.DeleteFunc(list, func(g gate.Grant) bool { _, over := h.grants[g.ID]; return over })
	for _, g := range h.grants {
		if member == "" || g.Member == member {
			list = append(list, gate.Grant{Grant: g})
		}
	}
	slices.SortFunc(list, func(a, b gate.Grant) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

func (h *hostTables) Member(ctx context.Context, id, member string) (gate.Member, error) {
	h.mu.Lock()
	m, ok := h.members[member]
	h.mu.Unlock()
	if ok {
		return gate.Member{Member: m}, nil
	}
	return h.Store.Member(ctx, id, member)
}

func (h *hostTables) Members(ctx context.Context, id string) iter.Seq2[gate.Member, error] {
	return func(yield func(gate.Member, error) bool) {
		all := map[string]gate.Member{}
		for m, err := range h.Store.Members(ctx, id) {
			if err != nil {
				yield(m, err)
				return
			}
			all[m.ID] = m
		}
		h.mu.Lock()
		for id, m := range h.members {
			all[id] = gate.Member{Member: m}
		}
		h.mu.Unlock()
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if !yield(all[id], nil) {
				return
			}
		}
	}
}
