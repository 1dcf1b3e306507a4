package sqlstore

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// queued takes a turn at a site in a goroutine of its own, which writes its name to order.
func queued(ctx context.Context, t *turns, order *[]string, name string, u urgency) {
	go func() {
		if t.take(ctx, "loft", 1, u) == nil {
			*order = append(*order, name)
			t.give("loft", time.Millisecond)
		}
	}()
	synctest.Wait()
}

func TestTurnsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		if err := all.take(t.Context(), "loft", 1, usual); err != nil {
			t.Fatal(err)
		}
		var order []string
		gone, cancel := context.WithCancel(t.Context())
		queued(t.Context(), &all, &order, "begin 1", refusable)
		queued(gone, &all, &order, "gone", usual)
		queued(t.Context(), &all, &order, "begin 2", refusable)
		queued(t.Context(), &all, &order, "settle 1", first)
		queued(t.Context(), &all, &order, "note", usual)
		queued(t.Context(), &all, &order, "settle 2", first)
		cancel()
		if err := all.take(t.Context(), "annex", 1, refusable); err != nil { // another site does not wait
			t.Error(err)
		}
		all.give("annex", 0)
		all.give("loft", 0)
		synctest.Wait()
		if want := []string{"settle 1", "settle 2", "begin 1", "begin 2", "note"}; !slices.Equal(order, want) {
			t.Errorf("got %q, want %q", order, want)
		}
		if len(all.sites) != 0 {
			t.Errorf("%d sites are still kept", len(all.sites))
		}
	})
}

func TestTurnsRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		const second = time.Second
		if err := all.take(t.Context(), "loft", 1, usual); err != nil {
			t.Fatal(err)
		}
		refused := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), second)
			defer cancel()
			return all.take(ctx, "loft", 1, refusable)
		}
		start := time.Now()
		if err := refused(); !errors.Is(err, storage.ErrBusy) || time.Since(start) < second {
			t.Errorf("nothing is known of the site: got %v after %s, want ErrBusy after %s", err, time.Since(start), second)
		}
		all.sites["loft"].done, all.sites["loft"].took = enoughDone, 2*second
		start = time.Now()
		if err := refused(); !errors.Is(err, storage.ErrBusy) || time.Since(start) > 0 {
			t.Errorf("each write takes %s: got %v after %s, want ErrBusy at once", 2*second, err, time.Since(start))
		}
		// A write that is not refusable waits for as long as its context allows.
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		err := all.take(ctx, "loft", 1, usual)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, storage.ErrBusy) || time.Since(start) != second {
			t.Errorf("got %v after %s, want the error of the context after %s", err, time.Since(start), second)
		}
		all.give("loft", 0)
		if len(all.sites) != 0 {
			t.Errorf("%d sites are still kept", len(all.sites))
		}
	})
}
