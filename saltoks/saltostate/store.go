package saltostate

import (
	"context"
	"time"
)

// WriteLimit bounds a write that may outlast its caller's context: what SALTO
// has answered must not be lost because a person closed a browser.
const WriteLimit = 5 * time.Second

// Store holds all of the client's state: connections, tokens, activation steps
// and sealed IQ credentials, as versioned documents under keys. Two methods, so
// that any storage satisfies it without importing this package. statetest
// proves an implementation.
//
// Keys are at most 200 bytes of printable ASCII without spaces; documents are
// opaque bytes up to 64 KiB, sealed before they get here.
type Store interface {
	// Get returns the document under key. Absent is nil and no error.
	Get(ctx context.Context, key string) ([]byte, error)

	// Update changes the document under key, serialised for this ONE key over
	// goroutines and processes: fn sees the newest document (nil when absent)
	// and returns the next one. A nil next deletes; an unchanged next writes
	// nothing; an error from fn changes nothing and is returned.
	//
	// fn is called at most once and may take up to 20 seconds (a token refresh).
	// While it runs, no transaction, table or file lock is held that another key
	// or another table needs. A lease that was lost before the write is an error
	// with a method Conflict() bool that says true, and nothing is written.
	// When Update returns nil, the change is durable.
	Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) (next []byte, err error)) error
}
