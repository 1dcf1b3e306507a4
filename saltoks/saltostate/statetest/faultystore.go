package statetest

import (
	"context"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// UpdateFunc is the function that Store.Update calls.
type UpdateFunc = func(ctx context.Context, current []byte) (next []byte, err error)

// FaultyStore is a Store whose calls a test changes, by functions that fail, wait,
// count, or call the embedded Store. Set them before the store is used; they may
// be called from several goroutines.
type FaultyStore struct {
	saltostate.Store
	// OnGet is called in place of Get. nil is Get of Store.
	OnGet func(ctx context.Context, key string) ([]byte, error)
	// OnUpdate is called in place of Update. nil is Update of Store.
	OnUpdate func(ctx context.Context, key string, fn UpdateFunc) error
}

// Get calls OnGet.
func (s *FaultyStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.OnGet != nil {
		return s.OnGet(ctx, key)
	}
	return s.Store.Get(ctx, key)
}

// Update calls OnUpdate.
func (s *FaultyStore) Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) ([]byte, error)) error {
	if s.OnUpdate != nil {
		return s.OnUpdate(ctx, key, fn)
	}
	return s.Store.Update(ctx, key, fn)
}

// UpdateThen is Update of Store with a step between fn and the write: write
// returns what is stored in place of next. It is not called where fn fails.
func (s *FaultyStore) UpdateThen(ctx context.Context, key string, fn UpdateFunc, write func(next []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if err != nil {
			return nil, err
		}
		return write(next)
	})
}
