package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

func ExampleNew() {
	ctx := context.Background()
	store := memstore.New()
	_ = store.PutMember(ctx, "loft", access.Member{ID: "ada"})
	m, err := store.Member(ctx, "loft", "ada")
	fmt.Println(m.ID, err)
	_, err = store.Member(ctx, "loft", "bob")
	fmt.Println(errors.Is(err, gate.ErrNotFound), store.Durable())
	// Output:
	// ada <nil>
	// true false
}
