package saltostate

import (
	"bytes"
	"context"
	"time"
)

// WriteLimit is the time limit of a write that continues after its caller's
// context has ended: an answer from SALTO must not be lost because a person
// closed a browser.
const WriteLimit = 5 * time.Second

// Store holds all state of saltoauth and saltoremote: connections, tokens,
// activation steps and sealed IQ credentials, as documents under keys. It has
// two methods, so any storage can implement it without importing this package.
//
// The contract, which package statetest checks:
//
//   - An absent document is nil. A nil next deletes.
//   - Update serializes the calls for ONE key, across goroutines and processes.
//   - fn is called at most once. It may take 20 seconds (a token refresh), and the
//     store then holds no transaction, table lock or file lock that another key, or
//     another table, needs.
//   - A lock or lease that was lost before the write is a conflict: an error with a
//     method Conflict() bool that returns true, and nothing is written.
//   - When Update returns nil, the change is durable.
//   - Both methods return the context's error when it ends while they wait.
//
// Keys are at most 200 bytes of printable ASCII without spaces. Documents are
// opaque, up to 64 KiB, and sealed before they are passed to the store. The
// store copies the documents that Get returns and that fn receives or returns:
// the caller and the store may each change their own.
type Store interface {
	// Get returns the document under key, or nil and no error if it is absent.
	// It does not wait for an Update of the same key.
	Get(ctx context.Context, key string) ([]byte, error)

	// Update calls fn with the newest document under key (nil if it is absent)
	// and stores the document that fn returns. If that document is equal to the
	// current one, nothing is written. If fn returns an error, nothing changes
	// and Update returns that error.
	Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) (next []byte, err error)) error
}

// change is Update of a Store that has locked key: it passes the document that get
// returns to fn, and what fn returns to put if it differs.
func change(
	ctx context.Context, s Store, key string, fn func(context.Context, []byte) ([]byte, error), put func(next []byte) error,
) error {
	current, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	next, err := fn(ctx, bytes.Clone(current))
	if err != nil || (next == nil) == (current == nil) && bytes.Equal(next, current) {
		return err
	}
	return put(next)
}
