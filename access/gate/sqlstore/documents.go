package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Documents keeps the state of a SALTO KS client: it is a saltostate.Store. Each
// document is changed under its own lease, which is taken and released in two short
// transactions, so that nothing is locked while fn runs.
//
// A lease lasts 8 seconds by the database's clock and is renewed while fn runs. If its
// process dies, the next one waits until the lease expires or, if that clock was set
// back, until the lease was not renewed for 8 seconds.
type Documents struct{ s *Store }

// Documents returns the documents in this database.
func (s *Store) Documents() Documents { return Documents{s} }

const (
	leaseTime  = 8 * time.Second // how long a lease lasts
	renewEvery = 2 * time.Second
)

// LeaseError reports that the lease on a document was lost before the change was
// written: this process or the network stopped for too long, or the database's clock
// jumped. Nothing was written by this call.
type LeaseError struct {
	Key string `json:"key"`
}

func (e *LeaseError) Error() string {
	return fmt.Sprintf("sqlstore: the lease on document %q was lost before it was written: read it again", e.Key)
}

// Conflict returns true: another process may have changed the document.
func (e *LeaseError) Conflict() bool { return true }

// Unwrap returns storage.ErrConflict.
func (e *LeaseError) Unwrap() error { return storage.ErrConflict }

// Get implements saltostate.Store.
func (d Documents) Get(ctx context.Context, key string) (doc []byte, err error) {
	err = optional(d.s.read.row(ctx, "SELECT doc FROM doorkit_documents WHERE name = $1", key).Scan(&doc))
	return doc, fail(ctx, "Get", err)
}

// Update implements saltostate.Store. A document that was deleted is a row without one.
func (d Documents) Update(ctx context.Context, key string,
	fn func(ctx context.Context, current []byte) (next []byte, err error)) (err error) {
	holder := rand.Text()
	current, err := d.acquire(ctx, key, holder)
	if err != nil {
		return err
	}
	set, args := releaseLease, []any(nil)
	defer func() { // even if fn failed or panicked
		lost := d.set(ctx, key, holder, set, args...)
		if err == nil {
			err = lost
		}
	}()
	next, err := d.run(ctx, key, holder, current, fn)
	switch {
	case err != nil:
	case next == nil && current != nil:
		set += ", doc = NULL"
	case next != nil && (current == nil || !bytes.Equal(current, next)):
		set, args = set+", doc = $3", []any{next}
	}
	return err
}

// run calls fn and renews the lease meanwhile.
func (d Documents) run(ctx context.Context, key, holder string, current []byte,
	fn func(context.Context, []byte) ([]byte, error)) ([]byte, error) {
	over := make(chan struct{})
	var renewal sync.WaitGroup
	renewal.Go(func() {
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				// If this renewal fails, the next one may succeed; if none does, set reports it.
				_ = d.set(ctx, key, holder, "held_until = {clock} + $3", leaseTime.Microseconds())
			}
		}
	})
	defer func() { close(over); renewal.Wait() }()
	return fn(ctx, bytes.Clone(current))
}

// acquire waits for the lease and acquires it.
func (d Documents) acquire(ctx context.Context, key, holder string) (doc []byte, err error) {
	var dead, other lease
	var since time.Time
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		took, now := false, lease{}
		err := d.s.write(ctx, "Update", func(run runner) error {
			err := run.row(ctx, `INSERT INTO doorkit_documents (name, holder, held_until) VALUES ($1, $2, {clock} + $3)
				ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
				WHERE doorkit_documents.held_until < excluded.held_until - $3 OR doorkit_documents.holder = $4 AND doorkit_documents.held_until = $5
				RETURNING doc`, key, holder, leaseTime.Microseconds(), dead.holder, dead.until).Scan(&doc)
			if took = err == nil; !noRows(err) {
				return err
			}
			err = run.row(ctx, "SELECT holder, held_until FROM doorkit_documents WHERE name = $1", key).Scan(&now.holder, &now.until)
			return cmp.Or(optional(err), errNoChange)
		})
		switch {
		case err != nil && took: // such as a commit that was acknowledged too late
			_ = d.set(ctx, key, holder, releaseLease) // otherwise the lease ends by itself
			return nil, err
		case err != nil:
			return nil, err
		case took:
			return doc, nil
		}
		if now != other {
			other, since = now, time.Now()
		} else if time.Since(since) > leaseTime {
			dead = now
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fail(ctx, "Update", err)
		}
	}
}

// releaseLease ends a lease.
const releaseLease = "holder = '', held_until = 0"

// lease is one period of a lease, as one process took or renewed it.
type lease struct {
	holder string
	until  int64 // microseconds by the database's clock
}

// set sets columns of the document's row, if holder still has the lease. It ignores the caller's
// cancellation: what fn did elsewhere, such as rotating a token, cannot be undone.
func (d Documents) set(ctx context.Context, key, holder, set string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storage.WriteWithin)
	defer cancel()
	return d.s.write(ctx, "Update", func(run runner) error {
		var sync string
		err := run.row(ctx, "UPDATE doorkit_documents SET "+set+" WHERE name = $1 AND holder = $2 RETURNING {sync}",
			append([]any{key, holder}, args...)...).Scan(&sync)
		if noRows(err) {
			return &LeaseError{key}
		}
		if err != nil {
			return err
		}
		return d.s.durable(ctx, run, sync)
	})
}
