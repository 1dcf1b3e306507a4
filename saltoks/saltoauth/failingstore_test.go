package saltoauth

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

var errDisk = errors.New("no space left on device")

// failingStore fails after fn, as a full disk or a lost database would.
type failingStore struct {
	*saltostate.MemoryStore
	fail atomic.Bool
}

func (f *failingStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	return f.MemoryStore.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if err == nil && f.fail.Load() {
			err = errDisk
		}
		return next, err
	})
}
