package saltoks

import (
	"bytes"
	"context"
	"sync"
)

// MemoryStore is a Store that forgets everything when the process ends: for
// tests, examples and tools that consent anew each time. The zero value is
// ready. It is safe for concurrent use.
type MemoryStore struct {
	locks keyLocks
	mu    sync.Mutex
	docs  map[string][]byte
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return new(MemoryStore)
}

// Get returns a copy of the document under key, nil when absent.
func (m *MemoryStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.docs[key]), nil
}

// Update changes the document under key as Store says.
func (m *MemoryStore) Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) ([]byte, error)) error {
	unlock, err := m.locks.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	current, err := m.Get(ctx, key)
	if err != nil {
		return err
	}
	next, err := fn(ctx, current)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case next == nil:
		delete(m.docs, key)
	case current == nil || !bytes.Equal(next, m.docs[key]):
		if m.docs == nil {
			m.docs = make(map[string][]byte)
		}
		m.docs[key] = bytes.Clone(next)
	}
	return nil
}

// keyLocks serialises the goroutines of one process key by key. A waiter leaves
// with its context. The zero value is ready.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	token chan struct{} // holds one element while the lock is taken
	users int           // holder and waiters
}

func (l *keyLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	k := l.held[key]
	if k == nil {
		if l.held == nil {
			l.held = make(map[string]*keyLock)
		}
		k = &keyLock{token: make(chan struct{}, 1)}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()

	select {
	case k.token <- struct{}{}:
		return func() { <-k.token; l.leave(key, k) }, nil
	case <-ctx.Done():
		l.leave(key, k)
		return nil, ctx.Err()
	}
}

func (l *keyLocks) leave(key string, k *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, key)
	}
}
