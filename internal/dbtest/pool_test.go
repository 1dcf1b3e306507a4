//go:build unix

package dbtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestQuarterOfThePool: in a pool of four connections, writes use one. The other three
// are for the reads of requests, which return them.
func TestQuarterOfThePool(t *testing.T) {
	d := PostgreSQL(t)
	plain, _ := d.Store(t)
	fillCalls(t, plain, "loft")
	var onCommit func()
	begun := 0
	db, err := d.OpenHooked(func(step Step) error {
		switch {
		case step.What == "begin" && !step.Done:
			begun++
		case step.What == "commit" && !step.Done && onCommit != nil:
			do := onCommit
			onCommit = nil
			do()
		}
		return nil
	})
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(4)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range storeCalls() {
		if c.op == "Load" || c.op == "Lookup" || c.op == "Wait" {
			for range 4 {
				if _, err := c.do(ctx, s, "loft"); err != nil {
					t.Fatalf("%s: %v", c.op, err)
				}
			}
		}
	}
	begun = 0
	onCommit = func() { // a write of the site has not ended
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := s.Note(short, "loft", logEntry("ada", storage.Denied, 0))
		if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Op != "Note" || !errors.Is(err, context.DeadlineExceeded) || begun != 1 {
			t.Errorf("another write: %v; %d have begun", err, begun)
		}
	}
	_, err = s.Note(ctx, "loft", logEntry("ada", storage.Denied, 0))
	must(t, err)
	if onCommit != nil {
		t.Error("nothing was committed")
	}
}

// TestReadsOfABusySite: while the server answers no read of a busy site, those of another
// site find a connection.
func TestReadsOfABusySite(t *testing.T) {
	d := PostgreSQL(t)
	plain, _ := d.Store(t)
	fillCalls(t, plain, "annex")
	const reads, quarter = 64, 4 // of a pool of 16
	started, answer := make(chan struct{}, reads), make(chan struct{})
	s := hooked(t, d, func(step Step) error {
		if step.What == "query" && !step.Done && len(step.Args) > 0 && step.Args[0].Value == "loft" {
			started <- struct{}{}
			<-answer
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	defer close(answer)
	for range reads {
		all.Go(func() {
			if _, err := s.Lookup(ctx, storage.RequestKey{Site: "loft"}, "front"); err != nil {
				t.Error(err)
			}
		})
	}
	<-started
	for range 100 {
		for _, c := range storeCalls() {
			if c.op == "Load" || c.op == "Lookup" {
				if _, err := c.do(ctx, s, "annex"); err != nil {
					t.Fatalf("%s of another site: %v", c.op, err)
				}
			}
		}
	}
	if n := 1 + len(started); n > quarter {
		t.Errorf("%d reads of the busy site use connections, want at most %d", n, quarter)
	}
}

// TestPreparedOnce prepares a statement of SQLite at its first use, in a transaction after
// it, and never again.
func TestPreparedOnce(t *testing.T) {
	s, r := watched(t, SQLite(t))
	for name, do := range map[string]func() error{
		"a read":  func() error { _, err := s.Holds(t.Context(), "loft"); return err },
		"a write": func() error { _, err := s.Note(t.Context(), "loft", logEntry("ada", storage.Denied, 0)); return err },
	} {
		for i := range 3 {
			r.take()
			must(t, do())
			var whats []string
			for _, step := range r.take() {
				whats = append(whats, step.What)
			}
			if prepared := slices.Contains(whats, "prepare"); prepared != (i == 0) {
				t.Errorf("%s, time %d: %s", name, i+1, strings.Join(whats, " "))
			}
		}
	}
}
