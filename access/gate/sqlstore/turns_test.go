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
		if t.take(ctx, "loft", u) == nil {
			*order = append(*order, name)
			t.give("loft", time.Millisecond)
		}
	}()
	synctest.Wait()
}

func TestTurnsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := turns{slots: 1}
		if err := all.take(t.Context(), "loft", usual); err != nil {
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
		if err := all.take(t.Context(), "annex", refusable); err != nil { // another site does not wait
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
		all := turns{slots: 1}
		const second = time.Second
		if err := all.take(t.Context(), "loft", usual); err != nil {
			t.Fatal(err)
		}
		refused := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), second)
			defer cancel()
			return all.take(ctx, "loft", refusable)
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
		err := all.take(ctx, "loft", usual)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, storage.ErrBusy) || time.Since(start) != second {
			t.Errorf("got %v after %s, want the error of the context after %s", err, time.Since(start), second)
		}
		all.give("loft", 0)
		if len(all.sites) != 0 {
			t.Errorf("%d sites are still kept", len(all.sites))
		}
	})
}

// Only a write that may be refused is given up when its turn comes late.
func TestTurnsCloseToTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for u, want := range map[urgency]error{first: nil, usual: nil, refusable: storage.ErrBusy} {
			all := turns{slots: 1}
			if err := all.take(t.Context(), "loft", usual); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			time.AfterFunc(time.Second-margin/2, func() { all.give("loft", time.Second) })
			if err := all.take(ctx, "loft", u); !errors.Is(err, want) {
				t.Errorf("urgency %d: got %v, want %v", u, err, want)
			}
			cancel()
			if held := all.sites["loft"] != nil; held != (want == nil) {
				t.Errorf("urgency %d: it has its turn: %t", u, held)
			}
		}
	})
}

// SQLite has one writer, whatever the site; on PostgreSQL a site waits for itself alone,
// and a write that locks no chain for none.
func TestEnter(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		dialect Dialect
		site    string
		want    error
	}{
		{SQLite, "", context.Canceled}, {SQLite, "loft", context.Canceled}, {SQLite, "annex", context.Canceled},
		{PostgreSQL, "", nil}, {PostgreSQL, "loft", context.Canceled}, {PostgreSQL, "annex", nil},
	} {
		s := &Store{facts: facts{read: runner{dialect: c.dialect}}, writes: turns{slots: 1}}
		end, err := s.enter(t.Context(), "loft", usual)
		if err != nil {
			t.Fatal(err)
		}
		endOther, err := s.enter(ended, c.site, usual)
		if !errors.Is(err, c.want) {
			t.Errorf("%s, a write of loft runs, one of %q: got %v, want %v", c.dialect, c.site, err, c.want)
		}
		if err == nil {
			endOther()
		}
		end()
		if _, err := s.enter(ended, c.site, usual); err != nil {
			t.Errorf("%s: the turn was not given back: %v", c.dialect, err)
		}
	}
}

// A read that waits for its turn, or for a connection, ends with its context, and its error
// names it. It returns what it has.
func TestReadsWait(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, running := range []string{"loft", "annex"} { // the site of the read that runs
		s := &Store{facts: facts{read: runner{dialect: PostgreSQL}}, reads: turns{slots: 1}, places: make(chan struct{}, 1)}
		end, err := s.reading(t.Context(), &s.reads, running)
		if err != nil {
			t.Fatal(err)
		}
		for op, call := range map[string]func() error{
			"Load":   func() error { _, err := s.Load(ended, storage.FactsQuery{Site: "loft"}); return err },
			"Lookup": func() error { _, err := s.Lookup(ended, storage.RequestKey{Site: "loft"}, "front"); return err },
			"Wait": func() error {
				_, err := s.Wait(ended, storage.RequestKey{Site: "loft"}, storage.Sending)
				return err
			},
		} {
			if e, ok := errors.AsType[*Error](call()); !ok || e.Op != op || !errors.Is(e, context.Canceled) {
				t.Errorf("a read of %s runs: %s: got %v", running, op, e)
			}
		}
		end()
		if len(s.reads.sites) != 0 || len(s.places) != 0 {
			t.Errorf("a read of %s ran: %d turns and %d places are still taken", running, len(s.reads.sites), len(s.places))
		}
	}
}

// Reads of all doors that hang keep no request from its read.
func TestListsHaveTurnsOfTheirOwn(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s := &Store{
		facts: facts{read: runner{dialect: PostgreSQL}},
		reads: turns{slots: 1}, lists: turns{slots: 1}, places: make(chan struct{}, 3),
	}
	if _, err := s.reading(t.Context(), &s.lists, "loft"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadAll(ended, storage.FactsQuery{Site: "loft"}); !errors.Is(err, context.Canceled) {
		t.Errorf("another list: got %v", err)
	}
	if _, err := s.reading(t.Context(), &s.reads, "loft"); err != nil {
		t.Errorf("a request: %v", err)
	}
}
