package saltostate

import (
	"bytes"
	"context"
	"sync"

	"github.com/doorkit/doorkit/saltoks/internal/keylock"
)

// MemoryStore is a Store whose documents are lost when the process ends. It is
// for tests, examples and tools that ask for a consent each time. The zero
// value is an empty store. It is safe for concurrent use.
type MemoryStore struct {
	locks keylock.Locks
	mu    sync.Mutex
	docs  map[string][]byte
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return new(MemoryStore)
}

// Get returns a copy of the document under key, or nil if it is absent.
func (m *MemoryStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.docs[key]), nil
}

// Update changes the document under key as Store describes.
func (m *MemoryStore) Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) ([]byte, error)) error {
	unlock, err := m.locks.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	return change(ctx, m, key, fn, func(next []byte) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.docs == nil {
			m.docs = make(map[string][]byte)
		}
		if m.docs[key] = bytes.Clone(next); next == nil {
			delete(m.docs, key)
		}
		return nil
	})
}
