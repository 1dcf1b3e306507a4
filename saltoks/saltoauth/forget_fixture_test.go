package saltoauth

import (
	"context"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// noteDoc takes the place of an IQ's document.
type noteDoc struct {
	Text   string              `json:"text"`
	Secret storedsecret.Secret `json:"secret"`
}

var noteDocs = saltostate.Kind[noteDoc]{Name: userindex.IQKind, Version: 1}

func testKey(id string) saltostate.SealingKey {
	return saltostate.SealingKey{ID: id, Key: saltoks.NewSecret(strings.Repeat(id[:1], 32))}
}

func testState(t *testing.T, store saltostate.Store, keys ...saltostate.SealingKey) *saltostate.State {
	t.Helper()
	sealer, err := saltostate.NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := saltostate.New(saltostate.Config{Store: store, Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(text, secret string) func(*noteDoc) (*noteDoc, error) {
	return func(*noteDoc) (*noteDoc, error) {
		return &noteDoc{Text: text, Secret: storedsecret.New(saltoks.NewSecret(secret))}, nil
	}
}

// countingStore adds the keys of its documents to kept.
func countingStore(kept map[string]bool) *statetest.FaultyStore {
	s := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
	s.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		return s.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
			if kept[key] = true; next == nil {
				delete(kept, key)
			}
			return next, nil
		})
	}
	return s
}
