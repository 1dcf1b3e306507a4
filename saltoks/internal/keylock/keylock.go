// Package keylock provides one lock per key for the goroutines of a process.
package keylock

import (
	"context"
	"sync"
)

// Locks holds one lock per key. A waiter stops waiting when its context ends.
// The zero value is ready to use. The lock of a key is never removed: there are
// as many keys as documents.
type Locks struct {
	byKey sync.Map // of string to chan struct{}, which holds one element while the lock is taken
}

// Lock takes the lock of key, or fails with ctx's error. The caller must call
// unlock once.
func (l *Locks) Lock(ctx context.Context, key string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, _ := l.byKey.LoadOrStore(key, make(chan struct{}, 1))
	taken := found.(chan struct{})
	select {
	case taken <- struct{}{}:
		return func() { <-taken }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
