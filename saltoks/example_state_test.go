package saltoks_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
)

func ExampleNewSealer() {
	// From the environment in production: SEALING_KEYS="2026b:… 2026a:…".
	text := "2026b:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI= 2026a:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	var keys []saltoks.SealingKey
	for field := range strings.FieldsSeq(text) {
		key, err := saltoks.ParseSealingKey(field)
		if err != nil {
			log.Fatal(err)
		}
		keys = append(keys, key)
	}
	sealer, err := saltoks.NewSealer(keys...)
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
	fmt.Println(errors.Is(err, saltoks.ErrSealed))
	// Output:
	// 2026b the IQ's secret <nil>
	// true
}

func ExampleParseSealingKey() {
	key, err := saltoks.ParseSealingKey("2026a:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
	fmt.Println(key.ID, key.Key, err)
	_, err = saltoks.ParseSealingKey("2026a:c2hvcnQ=")
	fmt.Println(err)
	// Output:
	// 2026a [redacted] <nil>
	// saltoks: sealing key "2026a" has 5 bytes, want 32
}

func ExampleEphemeralSealer() {
	fmt.Println(saltoks.EphemeralSealer().KeyID())
	// Output: ephemeral
}

func ExampleNewState() {
	_, err := saltoks.NewState(saltoks.NewMemoryStore(), nil)
	fmt.Println(err)
	_, err = saltoks.NewState(saltoks.NewMemoryStore(), saltoks.EphemeralSealer())
	fmt.Println(err)
	// Output:
	// saltoks: NewState wants a Sealer: there is no unsealed mode
	// <nil>
}

func ExampleNewMemoryStore() {
	ctx := context.Background()
	var store saltoks.Store = saltoks.NewMemoryStore()
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
	store, err := saltoks.NewFileStore(dir) // in production a folder that is backed up, such as /var/lib/APP/salto
	if err != nil {
		log.Fatal(err)
	}
	state, err := saltoks.NewState(store, saltoks.EphemeralSealer())
	fmt.Println(state != nil, err)
	// Output: true <nil>
}
