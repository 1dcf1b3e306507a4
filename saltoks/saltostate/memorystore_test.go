package saltostate

import (
	"context"
	"testing"
)

func TestMemoryStoreWritesOnlyChanges(t *testing.T) {
	m := NewMemoryStore()
	set := func(next []byte) *byte {
		t.Helper()
		if err := m.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return next, nil }); err != nil {
			t.Fatal(err)
		}
		return &m.docs["k"][0]
	}
	first := set([]byte("one"))
	if set([]byte("one")) != first {
		t.Error("an unchanged document was written")
	}
	if set([]byte("two")) == first {
		t.Error("a document was written in place")
	}
}
