//go:build unix

package dbtest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// stepNames are the steps of one unlock, in their order. Lookup, Load, Begin and Settle
// are calls of the storage, Move of the lock driver.
func stepNames() (names []string) {
	for _, call := range []string{"Lookup", "Load", "Begin", "Move", "Settle"} {
		names = append(names, "before "+call, "after "+call)
	}
	return names
}

// stepped is a storage and a lock driver for one unlock at a time. It calls at when the
// unlock reaches a step for the first time; the calls that follow go to the store that
// is set then.
type stepped struct {
	storage.Records
	store atomic.Pointer[sqlstore.Store]
	locks gate.LockDriver

	mu   sync.Mutex
	seen map[string]bool
	at   func(step string)
}

func (s *stepped) step(name string) {
	s.mu.Lock()
	first, at := !s.seen[name], s.at
	s.seen[name] = true
	s.mu.Unlock()
	if first && at != nil {
		at(name)
	}
}

// next sets what is called at the steps of the next unlock.
func (s *stepped) next(at func(step string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.seen = at, map[string]bool{}
}

func stepping[T any](s *stepped, call string, fn func() (T, error)) (T, error) {
	s.step("before " + call)
	v, err := fn()
	s.step("after " + call)
	return v, err
}

func (s *stepped) Lookup(ctx context.Context, key storage.RequestKey, door string) (storage.LookupResult, error) {
	return stepping(s, "Lookup", func() (storage.LookupResult, error) { return s.store.Load().Lookup(ctx, key, door) })
}

func (s *stepped) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	return stepping(s, "Load", func() (storage.Snapshot, error) { return s.store.Load().Load(ctx, q) })
}

func (s *stepped) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	return s.store.Load().LoadAll(ctx, q)
}

func (s *stepped) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	return stepping(s, "Begin", func() (storage.Claim, error) { return s.store.Load().Begin(ctx, a) })
}

func (s *stepped) Settle(ctx context.Context, x storage.Settlement) (*storage.CheckIn, error) {
	return stepping(s, "Settle", func() (*storage.CheckIn, error) { return s.store.Load().Settle(ctx, x) })
}

func (s *stepped) Note(ctx context.Context, site string, e storage.LogEntry) (uint64, error) {
	return s.store.Load().Note(ctx, site, e)
}

func (s *stepped) Move(ctx context.Context, c gate.Command) gate.Result {
	s.step("before Move")
	r := s.locks.Move(ctx, c)
	s.step("after Move")
	return r
}

// steppedGate is a gate on a store whose unlocks call a function at each step. Its clock
// is ahead by the given number of nanoseconds.
func steppedGate(store *sqlstore.Store, doors gate.LockDriver, ahead *atomic.Int64) (*gate.Gate, *stepped, error) {
	s := &stepped{Records: store, locks: doors}
	s.store.Store(store)
	s.next(nil)
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: s, Records: s, Locks: s, CheckIns: gate.EveryUnlock,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	return g, s, err
}

// visitors are many members who tap until they are stopped, each again if the storage did not
// answer.
type visitors struct {
	s       *scene
	g       *gate.Gate
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
	opened  chan struct{}
	failed  chan struct{} // an unlock that the storage did not answer

	mu       sync.Mutex
	last     time.Time
	taps     int
	receipts map[storage.RequestKey]gate.Receipt // the last one of each request
	tries    int
}

func (s *scene) visitors(g *gate.Gate, workers int) *visitors {
	v := &visitors{
		s: s, g: g, opened: make(chan struct{}, 1<<20), failed: make(chan struct{}, 1<<20), receipts: map[storage.RequestKey]gate.Receipt{},
	}
	v.ctx, v.stop = context.WithCancel(s.Context())
	s.Cleanup(func() { v.stop(); v.workers.Wait() })
	for range workers {
		v.workers.Go(func() {
			for v.ctx.Err() == nil {
				v.unlock(v.tap())
			}
		})
	}
	return v
}

// tap returns the next one. No two are at one instant, which identifies movements.
func (v *visitors) tap() gate.Tap {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.taps++
	next := tap(v.taps)
	if v.last = v.last.Add(time.Microsecond); next.TappedAt.After(v.last) {
		v.last = next.TappedAt.Truncate(time.Microsecond)
	}
	next.TappedAt = v.last
	return next
}

// unlock taps until the storage answers, or for as long as the tap may open the door.
func (v *visitors) unlock(tap gate.Tap) {
	for {
		r, err := v.g.Unlock(context.WithoutCancel(v.ctx), tap)
		if err != nil {
			v.s.Errorf("%s: %v", tap.RequestID, err)
			return
		}
		v.mu.Lock()
		v.tries++
		v.receipts[storage.RequestKey{Site: "loft", Member: tap.Member, RequestID: tap.RequestID}] = r
		v.mu.Unlock()
		if r.Opened() {
			v.opened <- struct{}{}
		}
		if r.Outcome != storage.NotSent || r.Cause != gate.CauseStoreUnavailable || v.ctx.Err() != nil {
			return
		}
		v.failed <- struct{}{}
		select { // as the app of a member would
		case <-time.After(20 * time.Millisecond):
		case <-v.ctx.Done():
		}
	}
}

// open returns when n more doors have opened, fail when n more taps were not answered.
func (v *visitors) open(n int) { v.s.Helper(); v.wait(n, v.opened, "doors opened") }
func (v *visitors) fail(n int) { v.s.Helper(); v.wait(n, v.failed, "taps failed") }

func (v *visitors) wait(n int, events <-chan struct{}, what string) {
	v.s.Helper()
	for len(events) > 0 { // what happened before does not count
		<-events
	}
	limit := time.After(time.Minute)
	for i := range n {
		select {
		case <-events:
		case <-limit:
			v.s.Fatalf("%d of %d %s within a minute", i, n, what)
		}
	}
}

// finish stops the members and checks the scene. The journal must have each outcome that
// a receipt reports as recorded, and no receipt may report less than what happened. It
// returns the recorded ones that the journal lost.
func (v *visitors) finish() (lost []gate.Receipt) {
	v.s.Helper()
	v.stop()
	v.workers.Wait()
	outcomes := map[storage.Outcome]int{}
	for key, r := range v.receipts {
		outcomes[r.Outcome]++
		if r.Outcome != storage.Accepted && r.Message() == "" {
			v.s.Errorf("%s: %s without a reason", key.RequestID, r.Outcome)
		}
		if !r.Recorded {
			continue
		}
		now, err := v.s.gate(0).Receipt(v.s.Context(), key.Member, key.RequestID)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			lost = append(lost, r)
		case err != nil:
			v.s.Errorf("%s: %v", key.RequestID, err)
		case now.Outcome != r.Outcome:
			v.s.Errorf("%s: the receipt says %s, the journal %s", key.RequestID, r.Outcome, now.Outcome)
		}
	}
	v.s.Logf("%d requests, %d tries, outcomes %v", len(v.receipts), v.tries, outcomes)
	v.s.checkGuarantees()
	return lost
}
