package saltostate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

type noteDoc struct {
	Text   string              `json:"text"`
	Secret storedsecret.Secret `json:"secret"`
}

var noteDocs = Kind[noteDoc]{Name: "note", Version: 1}

func testKey(id string) SealingKey {
	return SealingKey{ID: id, Key: saltoks.NewSecret(strings.Repeat(id[:1], 32))}
}

func testState(t *testing.T, store Store, keys ...SealingKey) *State {
	t.Helper()
	sealer, err := NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Store: store, Sealer: sealer})
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

func TestDocumentRoundTripIsSealed(t *testing.T) {
	store := NewMemoryStore()
	s := testState(t, store, testKey("a"))
	if doc, err := Load(t.Context(), s, noteDocs, "x/1"); doc != nil || err != nil {
		t.Fatalf("absent: %v, %v", doc, err)
	}
	if err := Update(t.Context(), s, noteDocs, "x/1", put("hello", "planted-secret")); err != nil {
		t.Fatal(err)
	}
	doc, err := Load(t.Context(), s, noteDocs, "x/1")
	if err != nil || doc.Text != "hello" || doc.Secret.Reveal() != "planted-secret" {
		t.Fatalf("%+v, %v", doc, err)
	}
	if got := fmt.Sprintf("%v %+v %#v", *doc, *doc, *doc); strings.Contains(got, "planted") {
		t.Errorf("a print shows the secret: %s", got)
	}
	stored, _ := store.Get(t.Context(), "saltoks/note/x%2F1")
	if stored == nil || bytes.Contains(stored, []byte("hello")) || bytes.Contains(stored, []byte("planted")) {
		t.Errorf("stored in the clear or elsewhere: %q", stored)
	}
	if err := s.Delete(t.Context(), noteDocs.Name, "x/1"); err != nil {
		t.Fatal(err)
	}
	if stored, _ := store.Get(t.Context(), "saltoks/note/x%2F1"); stored != nil {
		t.Error("still there after the deletion")
	}
}

func TestMovedDocumentDoesNotOpen(t *testing.T) {
	ctx := t.Context()
	store := NewMemoryStore()
	s := testState(t, store, testKey("a"))
	if err := Update(ctx, s, noteDocs, "one", put("a", "b")); err != nil {
		t.Fatal(err)
	}
	stored, _ := store.Get(ctx, "saltoks/note/one")
	plant := func(key string, b []byte) {
		_ = store.Update(ctx, key, func(context.Context, []byte) ([]byte, error) { return b, nil })
	}
	plant("saltoks/note/two", stored)
	plant("saltoks/other/one", stored)
	older := bytes.Clone(stored)
	older[2] = 0
	plant("saltoks/note/older", older)
	flipped := bytes.Clone(stored)
	flipped[len(flipped)-1] ^= 1
	plant("saltoks/note/flipped", flipped)
	plant("saltoks/note/junk", []byte("junk"))
	plant("saltoks/note/empty", []byte{})
	plant("saltoks/note/short", []byte{1, 0, 1, 9, 'a'})
	for _, id := range []string{"two", "older", "flipped", "junk", "empty", "short"} {
		if doc, err := Load(ctx, s, noteDocs, id); doc != nil || !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v, %v", id, doc, err)
		}
		if err := Update(ctx, s, noteDocs, id, put("c", "d")); !errors.Is(err, ErrSealed) {
			t.Errorf("update of %s: %v", id, err)
		}
	}
	if _, err := Load(ctx, s, Kind[noteDoc]{Name: "other", Version: 1}, "one"); !errors.Is(err, ErrSealed) {
		t.Errorf("under another kind: %v", err)
	}
	if _, err := Load(ctx, testState(t, store, testKey("b")), noteDocs, "one"); !errors.Is(err, ErrSealed) {
		t.Errorf("without the key: %v", err)
	}
	sameName := testState(t, store, SealingKey{ID: "a", Key: saltoks.NewSecret(strings.Repeat("z", 32))})
	if _, err := Load(ctx, sameName, noteDocs, "one"); !errors.Is(err, ErrSealed) {
		t.Errorf("with another key of that name: %v", err)
	}
}

func TestUnchangedDocumentKeepsItsBytes(t *testing.T) {
	ctx := t.Context()
	store := NewMemoryStore()
	s := testState(t, store, testKey("a"))
	if err := Update(ctx, s, noteDocs, "x", put("same", "same")); err != nil {
		t.Fatal(err)
	}
	before, _ := store.Get(ctx, "saltoks/note/x")
	if err := Update(ctx, s, noteDocs, "x", put("same", "same")); err != nil {
		t.Fatal(err)
	}
	if after, _ := store.Get(ctx, "saltoks/note/x"); !bytes.Equal(before, after) {
		t.Error("an unchanged document was sealed again")
	}
}

func TestKeyRotation(t *testing.T) {
	ctx := t.Context()
	store := NewMemoryStore()
	old := testState(t, store, testKey("old"))
	for _, id := range []string{"changed", "resealed"} {
		if err := Update(ctx, old, noteDocs, id, put("v", "s")); err != nil {
			t.Fatal(err)
		}
	}
	both := testState(t, store, testKey("new"), testKey("old"))
	if doc, err := Load(ctx, both, noteDocs, "changed"); err != nil || doc.Text != "v" {
		t.Fatalf("the old key no longer opens: %v, %v", doc, err)
	}
	if err := Update(ctx, both, noteDocs, "changed", put("v", "s")); err != nil { // same text, old key: sealed again
		t.Fatal(err)
	}
	if err := Reseal(ctx, both, noteDocs, "resealed"); err != nil {
		t.Fatal(err)
	}
	after := testState(t, store, testKey("new"))
	for _, id := range []string{"changed", "resealed"} {
		if doc, err := Load(ctx, after, noteDocs, id); err != nil || doc.Text != "v" {
			t.Errorf("%s after the old key is gone: %v, %v", id, doc, err)
		}
	}
}

// TestDocumentVersions: a document of another version is not read, and stays.
func TestDocumentVersions(t *testing.T) {
	ctx := t.Context()
	s := testState(t, NewMemoryStore(), testKey("a"))
	if err := Update(ctx, s, noteDocs, "x", put("v1", "s")); err != nil {
		t.Fatal(err)
	}
	v2 := Kind[noteDoc]{Name: "note", Version: 2}
	if doc, err := Load(ctx, s, v2, "x"); doc != nil || err == nil || !strings.Contains(err.Error(), "another release (version 1,") {
		t.Errorf("version 1 read by version 2: %+v, %v", doc, err)
	}
	if err := Update(ctx, s, v2, "x", put("v2", "s")); err == nil || !strings.Contains(err.Error(), "another release") {
		t.Errorf("version 1 replaced by version 2: %v", err)
	}
	if err := Update(ctx, s, v2, "y", put("v2", "s")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(ctx, s, noteDocs, "y"); err == nil || !strings.Contains(err.Error(), "another release (version 2,") {
		t.Errorf("version 2 read by version 1: %v", err)
	}
	if doc, err := Load(ctx, s, noteDocs, "x"); err != nil || doc.Text != "v1" {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestStateKeysStayApart(t *testing.T) {
	ids := []string{
		"", "a", "A", "a b", "a%20b", "a/b", "a%2Fb", "ä", "..", "../x", "a\x00b",
		strings.Repeat("x", 500), strings.Repeat("x", 501), "%sha256-",
	}
	seen := map[string]string{}
	for _, id := range ids {
		key := stateKey("note", id)
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q share the key %s", id, other, key)
		}
		seen[key] = id
		if len(key) > 200 {
			t.Errorf("%d bytes of key", len(key))
		}
		for i := range len(key) {
			if key[i] <= ' ' || key[i] > '~' {
				t.Errorf("key %q holds byte %#x", key, key[i])
			}
		}
	}
}

func TestUpdateErrorChangesNothing(t *testing.T) {
	ctx := t.Context()
	s := testState(t, NewMemoryStore(), testKey("a"))
	if err := Update(ctx, s, noteDocs, "x", put("v1", "s")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := Update(ctx, s, noteDocs, "x", func(d *noteDoc) (*noteDoc, error) {
		d.Text = "changed"
		return d, boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if doc, _ := Load(ctx, s, noteDocs, "x"); doc.Text != "v1" {
		t.Error("written although fn failed")
	}
	big := strings.Repeat("x", maxDocument)
	if err := Update(ctx, s, noteDocs, "x", put(big, "")); err == nil || !strings.Contains(err.Error(), "more than 65536") {
		t.Errorf("too large: %v", err)
	}
}

// TestStateHonorsContexts: a context that has ended reaches the Store.
func TestStateHonorsContexts(t *testing.T) {
	s := testState(t, NewMemoryStore(), testKey("a"))
	if err := Update(t.Context(), s, noteDocs, "x", put("a", "b")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, loadErr := Load(ctx, s, noteDocs, "x")
	_, hasErr := s.Has(ctx, noteDocs.Name, "x")
	for name, err := range map[string]error{
		"Load": loadErr, "Has": hasErr, "Update": Update(ctx, s, noteDocs, "x", put("c", "d")),
		"Delete": s.Delete(ctx, noteDocs.Name, "x"), "Reseal": Reseal(ctx, s, noteDocs, "x"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if doc, err := Load(t.Context(), s, noteDocs, "x"); err != nil || doc == nil || doc.Text != "a" {
		t.Errorf("%+v, %v", doc, err)
	}
}

// slowStore waits before it saves, until the save's context ends or for a second.
type slowStore struct {
	Store
	hangs bool
}

func (s slowStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if err != nil {
			return nil, err
		}
		if s.hangs {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
			return next, nil
		}
	})
}

// TestASaveOutlivesItsCaller: the context limits the wait for a document. A save
// ends after WriteLimit.
func TestASaveOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemoryStore()
		s := testState(t, slowStore{Store: store}, testKey("a"))
		ctx, cancel := context.WithCancel(t.Context())
		err := Update(ctx, s, noteDocs, "x", func(*noteDoc) (*noteDoc, error) {
			cancel() // the caller leaves while the change is made
			return &noteDoc{Text: "kept"}, nil
		})
		if doc, loadErr := Load(t.Context(), s, noteDocs, "x"); err != nil || loadErr != nil || doc == nil || doc.Text != "kept" {
			t.Errorf("%+v, %v, %v", doc, err, loadErr)
		}

		start := time.Now()
		hangs := testState(t, slowStore{store, true}, testKey("a"))
		err = Update(t.Context(), hangs, noteDocs, "x", put("b", ""))
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != WriteLimit {
			t.Errorf("a store that hangs: %v after %v", err, took)
		}

		held := make(chan struct{})
		go func() {
			_ = Update(t.Context(), s, noteDocs, "x", func(doc *noteDoc) (*noteDoc, error) { <-held; return doc, nil })
		}()
		synctest.Wait()
		busy := errors.New("another one has it")
		waiting, end := context.WithTimeoutCause(t.Context(), time.Second, busy)
		defer end()
		if err := Update(waiting, s, noteDocs, "x", put("c", "")); !errors.Is(err, busy) {
			t.Errorf("a wait that ends: %v", err)
		}
		close(held)
		synctest.Wait()
		time.Sleep(time.Second) // until the slow save has ended
	})
}

// nulSealer names its key with the byte that ends a name in a document.
type nulSealer struct{ Sealer }

func (s nulSealer) Seal(ctx context.Context, plain, additional []byte) (Sealed, error) {
	sealed, err := s.Sealer.Seal(ctx, plain, additional)
	sealed.KeyID = "k\x00k"
	return sealed, err
}

// TestDocumentsThatCannotBeKept: what cannot be sealed is an error, and the document
// stays as it was.
func TestDocumentsThatCannotBeKept(t *testing.T) {
	ctx, store, sealer := t.Context(), NewMemoryStore(), EphemeralSealer()
	put := func(sealer Sealer, kind Kind[noteDoc]) error {
		state, err := New(Config{Store: store, Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		return Update(ctx, state, kind, "x", func(*noteDoc) (*noteDoc, error) {
			return &noteDoc{Text: "kept"}, nil
		})
	}
	if err := put(sealer, noteDocs); err != nil {
		t.Fatal(err)
	}
	before, _ := store.Get(ctx, stateKey("note", "x"))
	if err := put(nulSealer{sealer}, Kind[noteDoc]{Name: "note", Version: 1}); err != nil {
		t.Errorf("an unchanged document was sealed again: %v", err)
	}
	state, err := New(Config{Store: store, Sealer: nulSealer{sealer}})
	if err != nil {
		t.Fatal(err)
	}
	err = Update(ctx, state, noteDocs, "x", func(*noteDoc) (*noteDoc, error) {
		return new(noteDoc), nil
	})
	if err == nil || !strings.Contains(err.Error(), "key id") {
		t.Errorf("a key id with a zero byte: %v", err)
	}
	if after, _ := store.Get(ctx, stateKey("note", "x")); string(after) != string(before) {
		t.Error("the document was changed")
	}
}

func FuzzDocument(f *testing.F) {
	s, err := New(Config{Store: NewMemoryStore(), Sealer: EphemeralSealer()})
	if err != nil {
		f.Fatal(err)
	}
	good, err := sealDoc(f.Context(), s, noteDocs, "saltoks/note/x", []byte(`{"text":"t"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{1, 0, 1, 0})
	f.Add([]byte{1, 0, 1, 255, 'a'})
	f.Fuzz(func(t *testing.T, stored []byte) {
		doc, _, err := openDoc(t.Context(), s, noteDocs, "saltoks/note/x", stored)
		if err == nil && stored != nil && string(stored) != string(good) {
			t.Errorf("opened bytes that were not sealed: %x, %v", stored, doc)
		}
	})
}

// BenchmarkStateDocument seals, stores, reads and opens one connection.
func BenchmarkStateDocument(b *testing.B) {
	s, err := New(Config{Store: NewMemoryStore(), Sealer: EphemeralSealer()})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := Update(ctx, s, noteDocs, "x", put("text", "secret")); err != nil {
			b.Fatal(err)
		}
		if _, err := Load(ctx, s, noteDocs, "x"); err != nil {
			b.Fatal(err)
		}
	}
}
