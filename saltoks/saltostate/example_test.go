package saltostate_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func ExampleNewSealer() {
	// From the environment in production: SEALING_KEYS="2026b:… 2026a:…".
	text := "2026b:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI= 2026a:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	var keys []saltostate.SealingKey
	for field := range strings.FieldsSeq(text) {
		key, err := saltostate.ParseSealingKey(field)
		if err != nil {
			log.Fatal(err)
		}
		keys = append(keys, key)
	}
	sealer, err := saltostate.NewSealer(keys...)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	sealed, err := sealer.Seal(ctx, []byte("the IQ's secret"), []byte("this place"))
	if err != nil {
		log.Fatal(err)
	}
	plain, err := sealer.Open(ctx, sealed, []byte("this place"))
	fmt.Println(sealed.KeyID, string(plain), err)
	_, err = sealer.Open(ctx, sealed, []byte("another place"))
	fmt.Println(errors.Is(err, saltostate.ErrSealed))
	// Output:
	// 2026b the IQ's secret <nil>
	// true
}

func ExampleParseSealingKey() {
	key, err := saltostate.ParseSealingKey("2026a:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
	fmt.Println(key.ID, key.Key, err)
	_, err = saltostate.ParseSealingKey("2026a:c2hvcnQ=")
	fmt.Println(err)
	// Output:
	// 2026a [redacted] <nil>
	// saltostate: sealing key "2026a" has 5 bytes, not 32
}

func ExampleEphemeralSealer() {
	fmt.Println(saltostate.EphemeralSealer().KeyID())
	// Output: ephemeral
}

func ExampleNew() {
	_, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore()})
	fmt.Println(err)
	_, err = saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	fmt.Println(err)
	// Output:
	// saltostate: Config.Sealer is missing: create it with NewSealer
	// <nil>
}

func ExampleNewMemoryStore() {
	ctx := context.Background()
	var store saltostate.Store = saltostate.NewMemoryStore()
	err := store.Update(ctx, "key", func(_ context.Context, current []byte) ([]byte, error) {
		fmt.Println(current == nil)
		return []byte("a document"), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	doc, err := store.Get(ctx, "key")
	fmt.Println(string(doc), err)
	// Output:
	// true
	// a document <nil>
}

func ExampleNewFileStore() {
	dir, err := os.MkdirTemp("", "doorkit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := saltostate.NewFileStore(dir) // in production a folder that is backed up, such as /var/lib/APP/salto
	if err != nil {
		log.Fatal(err)
	}
	state, err := saltostate.New(saltostate.Config{Store: store, Sealer: saltostate.EphemeralSealer()})
	fmt.Println(state != nil, err)
	// Output: true <nil>
}
