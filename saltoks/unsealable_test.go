package saltoks

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// longSealer names its key with more than a document can hold.
type longSealer struct{ Sealer }

// TestDocumentsThatCannotBeKept: what cannot be sealed, or brought up to date,
// is an error, and the document stays as it was.
func TestDocumentsThatCannotBeKept(t *testing.T) {
	ctx, store := t.Context(), NewMemoryStore()
	put := func(sealer Sealer, kind docKind[iqDoc]) error {
		state, err := NewState(store, sealer)
		if err != nil {
			t.Fatal(err)
		}
		return updateDoc(ctx, state, kind, "x", func(context.Context, *iqDoc) (*iqDoc, error) { return &iqDoc{Step: StepActivated}, nil })
	}
	if err := put(testSealer(), iqDocs); err != nil {
		t.Fatal(err)
	}
	before, _ := store.Get(ctx, stateKey("iq", "x"))
	newer := iqDocs
	newer.version++
	newer.upgrade = func(uint16, []byte) ([]byte, error) { return nil, errHost }
	if err := put(testSealer(), newer); !errors.Is(err, errHost) || !strings.Contains(err.Error(), "upgrading") {
		t.Errorf("an upgrade that fails: %v", err)
	}
	if err := put(longSealer{testSealer()}, docKind[iqDoc]{name: "iq", version: 1}); err != nil {
		t.Errorf("an unchanged document was sealed anew: %v", err)
	}
	state, err := NewState(store, longSealer{testSealer()})
	if err != nil {
		t.Fatal(err)
	}
	err = updateDoc(ctx, state, iqDocs, "x", func(context.Context, *iqDoc) (*iqDoc, error) { return new(iqDoc), nil })
	if err == nil || !strings.Contains(err.Error(), "key id") {
		t.Errorf("a key id that is too long: %v", err)
	}
	if after, _ := store.Get(ctx, stateKey("iq", "x")); string(after) != string(before) {
		t.Error("the document was changed")
	}
}
