package statetest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// A disk that is full fails after fn has run.
func ExampleFaultyStore() {
	ctx := context.Background()
	store := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
	store.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		return store.UpdateThen(ctx, key, fn, func([]byte) ([]byte, error) { return nil, errors.New("disk full") })
	}
	err := store.Update(ctx, "key", func(context.Context, []byte) ([]byte, error) { return []byte("document"), nil })
	document, _ := store.Get(ctx, "key")
	fmt.Println(err, document)
	// Output: disk full []
}
