package saltostate

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// longSealer names its key with more than a document can hold.
type longSealer struct{ Sealer }

func (s longSealer) Seal(ctx context.Context, plain, additional []byte) (Sealed, error) {
	sealed, err := s.Sealer.Seal(ctx, plain, additional)
	sealed.KeyID = strings.Repeat("k", 256)
	return sealed, err
}

// TestDocumentsThatCannotBeKept: what cannot be sealed, or brought up to date,
// is an error, and the document stays as it was.
func TestDocumentsThatCannotBeKept(t *testing.T) {
	ctx, store, sealer := t.Context(), NewMemoryStore(), EphemeralSealer()
	errHost := errors.New("the host's own error")
	put := func(sealer Sealer, kind Kind[noteDoc]) error {
		state, err := New(Config{Store: store, Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		return Update(ctx, state, kind, "x", func(context.Context, *noteDoc) (*noteDoc, error) {
			return &noteDoc{Text: "kept"}, nil
		})
	}
	if err := put(sealer, noteDocs); err != nil {
		t.Fatal(err)
	}
	before, _ := store.Get(ctx, stateKey("note", "x"))
	newer := noteDocs
	newer.Version++
	newer.Upgrade = func(uint16, []byte) ([]byte, error) { return nil, errHost }
	if err := put(sealer, newer); !errors.Is(err, errHost) || !strings.Contains(err.Error(), "upgrading") {
		t.Errorf("an upgrade that fails: %v", err)
	}
	if err := put(longSealer{sealer}, Kind[noteDoc]{Name: "note", Version: 1}); err != nil {
		t.Errorf("an unchanged document was sealed anew: %v", err)
	}
	state, err := New(Config{Store: store, Sealer: longSealer{sealer}})
	if err != nil {
		t.Fatal(err)
	}
	err = Update(ctx, state, noteDocs, "x", func(context.Context, *noteDoc) (*noteDoc, error) {
		return new(noteDoc), nil
	})
	if err == nil || !strings.Contains(err.Error(), "key id") {
		t.Errorf("a key id that is too long: %v", err)
	}
	if after, _ := store.Get(ctx, stateKey("note", "x")); string(after) != string(before) {
		t.Error("the document was changed")
	}
}
