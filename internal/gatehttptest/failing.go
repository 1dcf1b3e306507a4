package gatehttptest

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// failing is a storage whose reads fail while err is set.
type failing struct {
	*memstore.Store
	mu  sync.Mutex
	err error
}

// errPanic makes a failing storage panic.
var errPanic = errors.New("panic")

func (s *failing) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *failing) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, errPanic) {
		panic("secret-4711")
	}
	return s.err
}

func orFail[T any](s *failing, read func() (T, error)) (value T, err error) {
	if err := s.check(); err != nil {
		return value, err
	}
	return read()
}

func (s *failing) Lookup(ctx context.Context, k storage.RequestKey, door string) (storage.LookupResult, error) {
	if !storage.ValidID(k.RequestID) {
		return storage.LookupResult{}, errors.New("secret-4711: a database refuses such a text")
	}
	return orFail(s, func() (storage.LookupResult, error) { return s.Store.Lookup(ctx, k, door) })
}

func (s *failing) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	return orFail(s, func() (storage.Snapshot, error) { return s.Store.Load(ctx, q) })
}

func (s *failing) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	return orFail(s, func() ([]storage.Snapshot, error) { return s.Store.LoadAll(ctx, q) })
}

func (s *failing) KillSwitch(ctx context.Context, id string) (storage.KillSwitch, error) {
	return orFail(s, func() (storage.KillSwitch, error) { return s.Store.KillSwitch(ctx, id) })
}

func (s *failing) CheckIns(ctx context.Context, q gate.CheckInQuery) ([]gate.CheckIn, error) {
	return orFail(s, func() ([]gate.CheckIn, error) { return s.Store.CheckIns(ctx, q) })
}

func (s *failing) VendorEntries(ctx context.Context, q storage.VendorQuery) ([]gate.VendorEntry, error) {
	return orFail(s, func() ([]gate.VendorEntry, error) { return s.Store.VendorEntries(ctx, q) })
}

func (s *failing) Rows(ctx context.Context, q gate.LogQuery) iter.Seq2[gate.LogRow, error] {
	return func(yield func(gate.LogRow, error) bool) {
		if err := s.check(); err != nil {
			yield(gate.LogRow{}, err)
			return
		}
		s.Store.Rows(ctx, q)(yield)
	}
}

// vendor explains entries of the lock system's own log.
type vendor struct{}

func (vendor) Poll(_ context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	return nil, cursor, nil
}

func (vendor) Meaning(_ context.Context, e gate.VendorEntry) (gate.Meaning, error) {
	means := map[string]gate.Means{"tag": gate.MeansFob, "remote": gate.MeansRemote}
	return gate.Meaning{Event: gate.LockOpened, Means: means[e.By], Ours: e.By == "remote"}, nil
}

func (vendor) Name(context.Context, string) (string, error) { return "Kim Roe", nil }
