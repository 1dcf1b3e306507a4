package saltostate

import (
	"context"
	"time"
)

// WriteLimit is the limit of a write that may outlast its caller's context: what
// SALTO answered must not be lost because a person closed a browser.
const WriteLimit = 5 * time.Second

// Store holds all state of saltoauth and saltoremote: connections, tokens,
// activation steps and sealed IQ credentials, as documents under keys. It has two
// methods, so that any storage can implement it without importing this package.
//
// The contract, which package statetest checks:
//
//   - An absent document is nil. A nil next deletes.
//   - Update serializes ONE key, over goroutines and processes.
//   - fn is called at most once. It may take 20 seconds (a token refresh), and the
//     store then holds no transaction, table lock or file lock that another key, or
//     another table, needs.
//   - A lock or lease that was lost before the write is a conflict: an error with a
//     method Conflict() bool that returns true, and nothing is written.
//   - When Update returns nil, the change is durable.
//   - Both methods return the context's error when it ends while they wait.
//
// Keys are at most 200 bytes of printable ASCII without spaces. Documents are
// opaque, up to 64 KiB, and sealed before they are passed to the store. Neither a
// document that Get returns nor one that fn gets or returns is shared with the
// store: both sides may change theirs.
type Store interface {
	// Get returns the document under key, nil and no error where it is absent. It
	// does not wait for an Update of the same key.
	Get(ctx context.Context, key string) ([]byte, error)

	// Update calls fn with the newest document under key (nil where it is absent)
	// and stores what fn returns. A document that is equal is not written. An
	// error from fn changes nothing and is returned.
	Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) (next []byte, err error)) error
}
