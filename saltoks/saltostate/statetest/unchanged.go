package statetest

import (
	"bytes"
	"context"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// RunUnchanged checks that a store which is given back what it holds writes
// nothing, which only its author can see: mark returns a text that is another
// one after each write of any document (a count of writes, a file's name and
// time). s is empty; a lease may be written, a document may not.
func RunUnchanged(t *testing.T, s saltostate.Store, mark func() (string, error)) {
	ctx := within(t)
	look := func() string {
		t.Helper()
		m, err := mark()
		must(t, err)
		return m
	}
	const key = "saltoks/unchanged"
	doc := []byte("the same")
	must(t, set(ctx, s, key, doc))
	before := look()
	must(t, s.Update(ctx, key, func(_ context.Context, current []byte) ([]byte, error) { return current, nil }))
	if look() != before {
		t.Error("a document that came back as it was is written")
	}
	must(t, set(ctx, s, key, bytes.Clone(doc)))
	if look() != before {
		t.Error("a document of equal bytes is written")
	}
	must(t, set(ctx, s, "saltoks/absent", nil))
	if look() != before {
		t.Error("the deletion of what is absent is written")
	}
	want(t, s, key, doc)
	must(t, set(ctx, s, key, []byte("another")))
	if look() == before {
		t.Error("mark does not see a write")
	}
}
