package statetest

import (
	"bytes"
	"context"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// RunUnchanged checks that Update writes nothing if fn returns the stored
// document. The author of the store supplies mark, which returns a text that
// differs after each write of any document (a count of writes, a file's name
// and time). s must be empty. Writing a lease is allowed, writing a document is
// not.
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
		t.Error("a document that fn returned unchanged was written")
	}
	must(t, set(ctx, s, key, bytes.Clone(doc)))
	if look() != before {
		t.Error("a document with equal bytes was written")
	}
	must(t, set(ctx, s, "saltoks/absent", nil))
	if look() != before {
		t.Error("deleting an absent document caused a write")
	}
	want(t, s, key, doc)
	must(t, set(ctx, s, key, []byte("another")))
	if look() == before {
		t.Error("mark did not change after a write")
	}
}
