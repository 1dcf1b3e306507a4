package saltoauth

import (
	"context"
	"errors"
	"iter"

	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Connections reads all connections of the Authorizer's environment, in no
// particular order and one at a time. Use it to find connections that no tenant
// refers to. It yields an error for a connection that cannot be read and
// continues.
func (a *Authorizer) Connections(ctx context.Context) iter.Seq2[Connection, error] {
	return func(yield func(Connection, error) bool) {
		for _, letter := range userindex.Letters {
			l, err := saltostate.Load(ctx, a.state, userindex.Lists, userindex.ListID(a.id.env.Name, string(letter)))
			if err != nil && !yield(Connection{}, err) {
				return
			}
			if l == nil {
				continue
			}
			for _, id := range l.IDs {
				c, err := a.Connection(ctx, id)
				if errors.Is(err, ErrNotConnected) {
					continue // listed but not stored yet, or deleted in the meantime
				}
				if !yield(c, err) {
					return
				}
			}
		}
	}
}
