package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func serialized(t *testing.T, s saltostate.Store) {
	var mu sync.Mutex
	inside, most := 0, 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				err := s.Update(within(t), "saltoks/a", func(ctx context.Context, current []byte) ([]byte, error) {
					mu.Lock()
					inside++
					most = max(most, inside)
					mu.Unlock()
					_, _ = s.Get(ctx, "saltoks/other") // takes some time,
					for range 100 {                    // during which other goroutines run
						runtime.Gosched()
					}
					mu.Lock()
					inside--
					mu.Unlock()
					return append(current, '.'), nil
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	all.Wait()
	if most != 1 {
		t.Errorf("%d calls of fn ran at once for one key", most)
	}
	want(t, s, "saltoks/a", bytes.Repeat([]byte{'.'}, 80))
}

// otherKeys: while fn runs for one key, other goroutines and fn itself can read
// and change other keys.
func otherKeys(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	must(t, s.Update(ctx, "saltoks/a", func(ctx context.Context, _ []byte) ([]byte, error) {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if err := set(ctx, s, fmt.Sprintf("saltoks/b%d", i), []byte("x")); err != nil {
					t.Errorf("another key during fn: %v", err)
				}
			})
		}
		all.Wait()
		if err := set(ctx, s, "saltoks/c", []byte("inner")); err != nil {
			t.Errorf("another key from within fn: %v", err)
		}
		return []byte("outer"), nil
	}))
	want(t, s, "saltoks/a", []byte("outer"))
	want(t, s, "saltoks/b3", []byte("x"))
	want(t, s, "saltoks/c", []byte("inner"))
}

// readers: while fn runs for a key, Get of that key returns the old document
// immediately.
func readers(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	must(t, set(ctx, s, "saltoks/a", []byte("old")))
	must(t, s.Update(ctx, "saltoks/a", func(ctx context.Context, _ []byte) ([]byte, error) {
		if got, err := s.Get(ctx, "saltoks/a"); err != nil || string(got) != "old" {
			t.Errorf("Get during fn = %s, %v; want the old document", brief(got), err)
		}
		return []byte("new"), nil
	}))
	want(t, s, "saltoks/a", []byte("new"))
}

// whole: a reader sees one document or the other, never a mixture.
func whole(t *testing.T, s saltostate.Store) {
	ctx := within(t)
	a, b := bytes.Repeat([]byte{'a'}, 60<<10), bytes.Repeat([]byte{'b'}, 50<<10)
	must(t, set(ctx, s, "saltoks/a", a))
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				got, err := s.Get(ctx, "saltoks/a")
				if err != nil || !bytes.Equal(got, a) && !bytes.Equal(got, b) {
					t.Errorf("a reader during writes sees %s, %v", brief(got), err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 20 {
		must(t, set(ctx, s, "saltoks/a", b))
		must(t, set(ctx, s, "saltoks/a", a))
	}
	close(stop)
	all.Wait()
}

func canceled(t *testing.T, s saltostate.Store) {
	must(t, set(within(t), s, "saltoks/a", []byte("kept")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "saltoks/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get with a canceled context: %v", err)
	}
	err := s.Update(ctx, "saltoks/a", func(context.Context, []byte) ([]byte, error) {
		t.Error("fn was called although the context was canceled before")
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update with a canceled context: %v", err)
	}
	want(t, s, "saltoks/a", []byte("kept"))
}

func waiter(t *testing.T, s saltostate.Store) {
	must(t, s.Update(within(t), "saltoks/a", func(context.Context, []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		left := make(chan error, 1)
		go func() {
			left <- s.Update(ctx, "saltoks/a", func(context.Context, []byte) ([]byte, error) {
				t.Error("two calls of fn at once for one key")
				return nil, nil
			})
		}()
		select {
		case err := <-left:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a waiter whose context ended got %v", err)
			}
		case <-time.After(limit / 3):
			t.Error("a waiter did not return when its context ended")
		}
		return []byte("mine"), nil
	}))
	want(t, s, "saltoks/a", []byte("mine"))
}
