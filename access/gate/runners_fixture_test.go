package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// manySites is one process with many sites: a storage that counts the calls about each site,
// and their runners.
type manySites struct {
	*memstore.Store
	dead  atomic.Bool // it was killed or frozen: the storage does not answer it
	gates map[string]*gate.Gate
	all   gate.Runners

	mu    sync.Mutex
	calls map[string]int          // by method and site
	fails map[string]func() error // by method and site
	seen  map[string][]gate.Event // JobCompleted, by job and site
	first func(gate.Event)        // receives each of these first, if it is set
}

// newManySites returns a process with sites that have one door, which ada may hold open.
func newManySites(t *testing.T, store *memstore.Store, sites int, options ...func(*gate.RunnerConfig)) *manySites {
	h := &manySites{Store: store, gates: map[string]*gate.Gate{}, calls: map[string]int{}, fails: map[string]func() error{},
		seen: map[string][]gate.Event{}}
	for i := range sites {
		h.add(t, fmt.Sprintf("site-%03d", i), options...)
	}
	return h
}

func (h *manySites) add(t *testing.T, id string, options ...func(*gate.RunnerConfig)) (remove func()) {
	t.Helper()
	ctx := t.Context()
	if _, err := h.Rules(ctx, id); errors.Is(err, gate.ErrNotFound) {
		for _, err := range []error{
			h.PutRules(ctx, gate.Rules{Site: access.Site{ID: id, TimeZone: "Europe/Berlin"}}),
			h.PutDoor(ctx, id, gate.Door{Door: access.Door{ID: "front", AccessType: access.AccessAndOfficeMode}, Link: link("l1")}),
			h.PutMember(ctx, id, gate.Member{Member: access.Member{ID: "ada"}}),
			h.PutGrant(ctx, id, gate.Grant{Grant: access.Grant{ID: "g", Member: "ada", Door: "front", Hours: access.Always(),
				RequiresMembership: new(false)}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	g, err := gate.New(gate.Config{Site: id, Facts: h, Records: h, Locks: &driver{}, Observer: h})
	if err != nil {
		t.Fatal(err)
	}
	config := gate.RunnerConfig{Gate: g}
	for _, o := range options {
		o(&config)
	}
	r, err := gate.NewRunner(config)
	if err != nil {
		t.Fatal(err)
	}
	h.gates[id] = g
	if remove, err = h.all.Add(r); err != nil {
		t.Fatal(err)
	}
	return remove
}

// call counts a call about a site, and lets it fail.
func (h *manySites) call(method, id string) error {
	h.mu.Lock()
	h.calls[method+" "+id]++
	fail := h.fails[method+" "+id]
	h.mu.Unlock()
	if h.dead.Load() {
		return errDown
	}
	if fail != nil {
		return fail()
	}
	return nil
}

// fail lets the calls of a method about a site fail; nil lets them work again.
func (h *manySites) fail(call string, fn func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails[call] = fn
}

func (h *manySites) Observe(_ context.Context, e gate.Event) {
	if e.Kind == gate.JobCompleted {
		if h.first != nil {
			h.first(e)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen[e.Job+" "+e.Site] = append(h.seen[e.Job+" "+e.Site], e)
	}
}

// events returns the events of a job at a site.
func (h *manySites) events(job, id string) []gate.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen[job+" "+id])
}

// take returns how often each method was called about each site since the last take.
func (h *manySites) take() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = map[string]int{}
	return calls
}

func (h *manySites) AcquireLease(ctx context.Context, id, name, holder string, d time.Duration) (bool, error) {
	if err := h.call("AcquireLease", id); err != nil {
		return false, err
	}
	return h.Store.AcquireLease(ctx, id, name, holder, d)
}

func (h *manySites) Due(ctx context.Context, q storage.DueQuery) ([]string, error) {
	if err := h.call("Due", string(q.Work)); err != nil {
		return nil, err
	}
	return h.Store.Due(ctx, q)
}

func (h *manySites) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	if err := h.call("Entries", q.Site); err != nil {
		return nil, err
	}
	return h.Store.Entries(ctx, q)
}

func (h *manySites) Settle(ctx context.Context, s storage.Settlement) (*storage.CheckIn, error) {
	if err := h.call("Settle", s.Site); err != nil {
		return nil, err
	}
	return h.Store.Settle(ctx, s)
}

func (h *manySites) Holds(ctx context.Context, id string) ([]storage.Hold, error) {
	if err := h.call("Holds", id); err != nil {
		return nil, err
	}
	return h.Store.Holds(ctx, id)
}

func (h *manySites) Prune(ctx context.Context, id string, before time.Time) (int, error) {
	if err := h.call("Prune", id); err != nil {
		return 0, err
	}
	return h.Store.Prune(ctx, id, before)
}

func (h *manySites) Retain(ctx context.Context, id string, before time.Time, e storage.LogEntry) (gate.Head, int, error) {
	if err := h.call("Retain", id); err != nil {
		return gate.Head{}, 0, err
	}
	return h.Store.Retain(ctx, id, before, e)
}

func (h *manySites) Verified(ctx context.Context, id string) (gate.Head, error) {
	if err := h.call("Verified", id); err != nil {
		return gate.Head{}, err
	}
	return h.Store.Verified(ctx, id)
}

// abandon leaves a command at a site that no process settles.
func (h *manySites) abandon(t *testing.T, id string) gate.Tap {
	t.Helper()
	h.fail("Settle "+id, down)
	defer h.fail("Settle "+id, nil)
	tap := gate.Tap{RequestID: "request-of-" + id, Member: "ada", Door: "front", TappedAt: time.Now()}
	if r, err := h.gates[id].Unlock(t.Context(), tap); err != nil || r.Recorded {
		t.Fatal(r, err)
	}
	return tap
}

func (h *manySites) wantRecovered(t *testing.T, id string, want bool) {
	t.Helper()
	r, err := h.gates[id].Receipt(t.Context(), "ada", "request-of-"+id)
	if recovered := r.Cause == gate.CauseInterrupted; err != nil || recovered != want {
		t.Errorf("%s: %s, %s, %v; recovered: %t, want %t", id, r.Outcome, r.Cause, err, recovered, want)
	}
}

// runHosts runs processes for a time.
func runHosts(t *testing.T, d time.Duration, hosts ...*manySites) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range hosts {
		all.Go(func() { h.all.Run(ctx) })
	}
	all.Wait()
}
