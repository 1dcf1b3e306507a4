// Package statetest is the conformance suite for a saltostate.Store: it checks the
// contract that keeps tokens from being lost or used twice.
//
//	func TestStore(t *testing.T) {
//		statetest.Run(t, func(t *testing.T) saltostate.Store { return newEmptyStore(t) })
//	}
//
//	func TestStoreWritesOnlyChanges(t *testing.T) {
//		statetest.RunUnchanged(t, store, mark) // mark differs after each write
//	}
//
//	func TestStoreProcesses(t *testing.T) {
//		statetest.RunProcesses(t, folder, open) // a store that processes share
//	}
//
//	func TestStoreLease(t *testing.T) {
//		statetest.RunConflict(t, store, steal) // a store whose lease on a key can be lost
//	}
//
// FaultyStore is a Store whose methods a test can make fail.
package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// limit ends a check that hangs; a correct store needs much less.
const limit = 30 * time.Second

// Run checks one store within one process, each check on a new empty store.
// newStore may call t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) saltostate.Store) {
	checks := []struct {
		name string
		fn   func(t *testing.T, s saltostate.Store)
	}{
		{"AbsentIsNil", absent},
		{"CreateReplaceDelete", createReplaceDelete},
		{"UnchangedIsKept", unchanged},
		{"FnErrorChangesNothing", fnError},
		{"FnRunsOnce", fnOnce},
		{"FnOwnsItsBytes", ownBytes},
		{"SerializedPerKey", serialized},
		{"OtherKeysAreFree", otherKeys},
		{"ReadersDoNotWait", readers},
		{"ReadsAreWhole", whole},
		{"CanceledContext", canceled},
		{"WaiterLeavesWithItsContext", waiter},
		{"PanicFreesTheKey", panics},
		{"LargeValues", large},
		{"HostileKeys", hostile},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			// This panics instead of failing t, because a store that ignores its
			// context cannot be stopped.
			stuck := time.AfterFunc(limit+10*time.Second, func() { panic("statetest: " + hangs(c.name)) })
			defer stuck.Stop()
			c.fn(t, s)
		})
	}
}

// hangs describes the fault of a store that waits without a limit.
func hangs(check string) string {
	return check + " does not end: the store waits and ignores its context, most likely for one lock on all keys; " +
		"while fn runs for a key, Get of any key and Update of another one must not wait"
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func set(ctx context.Context, s saltostate.Store, key string, next []byte) error {
	return s.Update(ctx, key, func(context.Context, []byte) ([]byte, error) { return next, nil })
}

func want(t *testing.T, s saltostate.Store, key string, doc []byte) {
	t.Helper()
	got, err := s.Get(within(t), key)
	if err != nil || !bytes.Equal(got, doc) || (got == nil) != (doc == nil) {
		t.Errorf("Get(%.40q) = %s, %v; want %s", key, brief(got), err, brief(doc))
	}
}

func brief(b []byte) string {
	if b == nil {
		return "nil"
	}
	return fmt.Sprintf("%d bytes %.20q", len(b), b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func absent(t *testing.T, s saltostate.Store) {
	want(t, s, "saltoks/absent", nil)
	called := false
	must(t, s.Update(within(t), "saltoks/absent", func(_ context.Context, current []byte) ([]byte, error) {
		called = true
		if current != nil {
			t.Errorf("fn sees %s for an absent document, want nil", brief(current))
		}
		return nil, nil
	}))
	if !called {
		t.Error("fn was not called")
	}
	want(t, s, "saltoks/absent", nil)
}

func createReplaceDelete(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	var before []byte
	for _, next := range [][]byte{[]byte("one"), []byte("two, longer"), []byte("3"), nil, []byte("again"), nil, nil} {
		must(t, s.Update(ctx, "saltoks/a", func(_ context.Context, current []byte) ([]byte, error) {
			if !bytes.Equal(current, before) || (current == nil) != (before == nil) {
				t.Errorf("fn sees %s, want %s", brief(current), brief(before))
			}
			return next, nil
		}))
		want(t, s, "saltoks/a", next)
		before = next
	}
}

// unchanged can only check that the document stays the same; RunUnchanged
// checks whether it is written.
func unchanged(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	must(t, set(ctx, s, "saltoks/a", []byte("same")))
	must(t, s.Update(ctx, "saltoks/a", func(_ context.Context, current []byte) ([]byte, error) { return current, nil }))
	must(t, set(ctx, s, "saltoks/a", []byte("same")))
	want(t, s, "saltoks/a", []byte("same"))
}

func fnError(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	boom := errors.New("boom")
	must(t, set(ctx, s, "saltoks/a", []byte("kept")))
	for _, next := range [][]byte{nil, []byte("lost")} {
		err := s.Update(ctx, "saltoks/a", func(context.Context, []byte) ([]byte, error) { return next, boom })
		if !errors.Is(err, boom) {
			t.Errorf("Update returned %v, want the error of fn", err)
		}
		want(t, s, "saltoks/a", []byte("kept"))
	}
	must(t, set(ctx, s, "saltoks/a", []byte("next"))) // the key is free again
	want(t, s, "saltoks/a", []byte("next"))
}

func fnOnce(t *testing.T, s saltostate.Store) {
	const each, callers = 25, 8
	var mu sync.Mutex
	calls := 0
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				err := s.Update(within(t), "saltoks/a", func(_ context.Context, current []byte) ([]byte, error) {
					mu.Lock()
					defer mu.Unlock()
					calls++
					return append(current, '.'), nil
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	all.Wait()
	if calls != each*callers {
		t.Errorf("%d updates called fn %d times", each*callers, calls)
	}
	want(t, s, "saltoks/a", bytes.Repeat([]byte{'.'}, each*callers))
}

// ownBytes: the store shares neither the bytes that fn receives nor those that
// it returns.
func ownBytes(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	kept := func(changed string) {
		t.Helper()
		if got, err := s.Get(ctx, "saltoks/a"); err != nil || string(got) != "abc" {
			t.Errorf("the stored document is %s, %v after the caller changed %s; want \"abc\": the store must copy", brief(got), err, changed)
			must(t, set(ctx, s, "saltoks/a", []byte("abc")))
		}
	}
	next := []byte("abc")
	must(t, set(ctx, s, "saltoks/a", next))
	next[0] = 'X'
	kept("what fn returned")
	got, err := s.Get(ctx, "saltoks/a")
	must(t, err)
	got[0] = 'X'
	kept("what Get returned")
	boom := errors.New("boom")
	_ = s.Update(ctx, "saltoks/a", func(_ context.Context, current []byte) ([]byte, error) {
		current[0] = 'X'
		return nil, boom
	})
	kept("what fn was given")
}

func panics(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	must(t, set(ctx, s, "saltoks/a", []byte("kept")))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of fn did not reach the caller of Update")
			}
		}()
		_ = s.Update(ctx, "saltoks/a", func(context.Context, []byte) ([]byte, error) { panic("boom") })
	}()
	want(t, s, "saltoks/a", []byte("kept"))
	must(t, set(ctx, s, "saltoks/a", []byte("free")))
	want(t, s, "saltoks/a", []byte("free"))
}

func large(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	doc := make([]byte, 64<<10)
	for i := range doc {
		doc[i] = byte(i * 7) // every byte value, including zero and newline
	}
	must(t, set(ctx, s, "saltoks/large", doc))
	want(t, s, "saltoks/large", doc)
	must(t, set(ctx, s, "saltoks/large", doc[:1]))
	want(t, s, "saltoks/large", doc[:1])
}

func hostile(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	keys := []string{
		".", "..", "../../etc/passwd", "/", "//", "a/b", "a//b", "a/../b", `a\b`, "C:", "CON", "a.", ".a", "-rf", "*", "?", "%", "%00", "%2F",
		`';DROP`, `"`, "`id`", "$HOME", "${x}", "a'b", "a_b", "a%b", "A", "a", "~", "|", "<>", "&", "#", ":",
		"saltoks/x.lock", "saltoks/x.tmp", "saltoks/x",
		strings.Repeat("k", 200), strings.Repeat("k", 199) + "K",
	}
	for i, k := range keys {
		must(t, set(ctx, s, k, fmt.Appendf(nil, "doc %d", i)))
	}
	for i, k := range keys {
		want(t, s, k, fmt.Appendf(nil, "doc %d", i))
	}
	for _, k := range keys[1:] {
		must(t, set(ctx, s, k, nil))
	}
	want(t, s, keys[0], []byte("doc 0"))
	want(t, s, keys[1], nil)
}
