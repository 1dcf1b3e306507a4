package saltoauth

import (
	"context"
	"errors"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestARefreshThatFailsOddly: whatever kept the tokens from coming, they are
// kept, and the document says when to try again.
func TestARefreshThatFailsOddly(t *testing.T) {
	b := newBench(t, saltostate.NewMemoryStore(), nil)
	doc := b.doc()
	_, err := b.source().failed(t.Context(), doc, doc.Tokens.Refresh.Secret, context.DeadlineExceeded)
	e, ok := errors.AsType[*IdentityError](err)
	if !ok || !e.Temporary() || !errors.Is(err, context.DeadlineExceeded) || doc.Attempts != 1 || doc.RetryAt.IsZero() || !doc.ReauthorizeAt.IsZero() {
		t.Errorf("%v, %+v", err, doc)
	}
}
