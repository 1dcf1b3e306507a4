package statetest

import (
	"context"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// UpdateFunc is the function that Store.Update calls.
type UpdateFunc = func(ctx context.Context, current []byte) (next []byte, err error)

// FaultyStore is a Store whose methods a test replaces with functions that
// fail, wait, count, or call the embedded Store. Set the functions before the
// store is used; they may be called from several goroutines.
type FaultyStore struct {
	saltostate.Store
	// OnGet is called instead of Get. If it is nil, Get calls Store.Get.
	OnGet func(ctx context.Context, key string) ([]byte, error)
	// OnUpdate is called instead of Update. If it is nil, Update calls
	// Store.Update.
	OnUpdate func(ctx context.Context, key string, fn UpdateFunc) error
}

// Get calls OnGet, or Store.Get.
func (s *FaultyStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.OnGet != nil {
		return s.OnGet(ctx, key)
	}
	return s.Store.Get(ctx, key)
}

// Update calls OnUpdate, or Store.Update.
func (s *FaultyStore) Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) ([]byte, error)) error {
	if s.OnUpdate != nil {
		return s.OnUpdate(ctx, key, fn)
	}
	return s.Store.Update(ctx, key, fn)
}

// UpdateThen calls Store.Update with a step between fn and the write: the
// document that write returns is stored instead of next. write is not called if
// fn fails.
func (s *FaultyStore) UpdateThen(ctx context.Context, key string, fn UpdateFunc, write func(next []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if err != nil {
			return nil, err
		}
		return write(next)
	})
}
