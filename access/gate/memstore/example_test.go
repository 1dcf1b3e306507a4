package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func ExampleNew() {
	ctx := context.Background()
	store := memstore.New()
	_ = store.PutMember(ctx, "loft", storage.Member{Member: access.Member{ID: "ada"}})
	m, err := store.Member(ctx, "loft", "ada")
	fmt.Println(m.ID, err)
	_, err = store.Member(ctx, "loft", "bob")
	fmt.Println(errors.Is(err, storage.ErrNotFound), store.Durable())
	// Output:
	// ada <nil>
	// true false
}
