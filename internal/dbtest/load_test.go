//go:build unix

package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestBurst lets two stores tap at one site at one instant: every door that moved is
// recorded, and every member gets an answer while their tap is still valid.
func TestBurst(t *testing.T) {
	s := newScene(t, PostgreSQL(t))
	s.works(1)
	const taps = 150 // of each, all by different members
	begun := time.Now()
	var all sync.WaitGroup
	for i := range 2 {
		store, _ := s.d.Store(t)
		g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}, CheckIns: gate.EveryUnlock})
		must(t, err)
		for n := range taps {
			all.Go(func() {
				tap := tap(2 + i*taps + n)
				tap.TappedAt = begun.Add(time.Duration(i*taps+n) * time.Microsecond) // movements are distinguished by it
				r, err := g.Unlock(t.Context(), tap)
				waited := time.Since(begun)
				switch {
				case err != nil || waited > gate.SendWithin:
					t.Errorf("%s: %s after %s, %v, %v", tap.RequestID, r.Outcome, waited, r.Err, err)
				case r.Opened() && !r.Recorded, !r.Opened() && !errors.Is(r.Err, storage.ErrUnavailable):
					t.Errorf("%s: %s, recorded %t, %v", tap.RequestID, r.Outcome, r.Recorded, r.Err)
				}
			})
		}
	}
	all.Wait()
	s.checkGuarantees()
}

// counted counts the calls of Begin and Settle when they wait: for their turn, or for the
// database.
type counted struct {
	*sqlstore.Store
	begins, settles chan struct{}
}

func (c counted) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	return c.Store.Begin(&waiting{ctx, sync.OnceFunc(func() { c.begins <- struct{}{} })}, a)
}

func (c counted) Settle(ctx context.Context, s storage.Settlement) (*storage.CheckIn, error) {
	return c.Store.Settle(&waiting{ctx, sync.OnceFunc(func() { c.settles <- struct{}{} })}, s)
}

// waiting is a context that reports when a call begins to wait for it.
type waiting struct {
	context.Context
	report func()
}

func (w *waiting) Done() <-chan struct{} {
	w.report()
	return w.Context.Done()
}

// TestSettleFirst keeps the chain of a site locked while many members tap and one
// command ends: its outcome is recorded before most of the new attempts.
func TestSettleFirst(t *testing.T) {
	s := newScene(t, PostgreSQL(t))
	const taps = 100
	records := counted{s.store, make(chan struct{}, 2*taps), make(chan struct{}, 2*taps)}
	moving, moved := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := locks(func(context.Context, gate.Command) gate.Result {
		once.Do(func() { close(moving); <-moved })
		return gate.Result{Outcome: storage.Accepted}
	})
	g, err := gate.New(gate.Config{Site: "loft", Facts: s.store, Records: records, Locks: slow, CheckIns: gate.EveryUnlock})
	must(t, err)
	var all sync.WaitGroup
	var receipt gate.Receipt
	all.Go(func() { receipt, _ = g.Unlock(t.Context(), tap(1)) })
	<-moving
	<-records.begins
	tx, err := s.d.Raw(t).BeginTx(t.Context(), nil)
	must(t, err)
	defer tx.Rollback()
	_, err = tx.ExecContext(t.Context(), "SELECT 1 FROM doorkit_chains FOR UPDATE")
	must(t, err)
	for n := range taps {
		all.Go(func() { _, _ = g.Unlock(t.Context(), tap(2+n)) })
	}
	for n := range taps {
		select {
		case <-records.begins:
		case <-time.After(gate.SendWithin):
			t.Fatalf("%d of %d taps read their facts: reads wait for the writes of the site", n, taps)
		}
	}
	close(moved)
	<-records.settles // it has its place before the attempts
	must(t, tx.Rollback())
	all.Wait()
	if !receipt.Opened() || !receipt.Recorded {
		t.Fatalf("got %s, recorded %t, %v", receipt.Outcome, receipt.Recorded, receipt.Err)
	}
	for row, err := range s.store.Rows(t.Context(), storage.LogQuery{Site: "loft", After: receipt.LogRow}) {
		must(t, err)
		if row.Ref == receipt.LogRow && row.Seq > receipt.LogRow+20 {
			t.Errorf("the outcome of attempt %d is row %d, after most of the %d new attempts", receipt.LogRow, row.Seq, taps)
		}
	}
}

// frozenWithin is how long a process that froze may stop its site in others.
const frozenWithin = 6 * time.Second

// TestStoppedProcess stops a process, by SIGSTOP, that unlocks as fast as it can.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	s := newScene(t, PostgreSQL(t))
	s.works(1)
	job := s.task("busy")
	job.Prefix = "busy"
	p := start(t, job)
	p.line(t)
	n := 0
	unlock := func() gate.Receipt { // by a member who taps once
		n++
		next := tap(n)
		next.RequestID, next.Member = fmt.Sprintf("other-%012d", n), fmt.Sprint("other-", n)
		must(t, s.store.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{ID: next.Member,
			Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}))
		r, err := s.gate(0).Unlock(t.Context(), next)
		must(t, err)
		return r
	}
	for round := range scaled(8, 3) {
		for moved := len(s.movements()); len(s.movements()) < moved+5; {
			unlock()
		}
		must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
		since, opened := time.Now(), false
		for time.Since(since) < frozenWithin && !opened {
			opened = unlock().Opened()
		}
		if waited := time.Since(since); !opened || waited > frozenWithin {
			t.Errorf("round %d: others moved no door for %s", round, waited)
		}
		must(t, p.cmd.Process.Signal(syscall.SIGCONT))
	}
	p.kill()
	s.checkGuarantees()
}

// TestFrozenWriter stops a process while it holds the rows of a fact, or of the position
// in the lock system's log: another process writes them within the time of a commit. A
// lease is taken in one statement, so that there is no moment in which it is held.
func TestFrozenWriter(t *testing.T) {
	t.Parallel()
	d := PostgreSQL(t)
	s, _ := d.Store(t)
	fillSite(t, s, "loft")
	for name, write := range map[string]func(context.Context, *sqlstore.Store) error{
		"UPDATE doorkit_sites": func(ctx context.Context, s *sqlstore.Store) error {
			rules, err := s.Rules(ctx, "loft")
			if err != nil {
				return err
			}
			return s.PutRules(ctx, rules)
		},
		"UPDATE doorkit_cursors": func(ctx context.Context, s *sqlstore.Store) error {
			was, err := s.Cursor(ctx, "loft")
			if err != nil {
				return err
			}
			_, err = s.Ingest(ctx, "loft", was, was+"1", []storage.VendorEntry{{ID: "e" + was, Lock: "l1", At: noon}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			frozen, thaw := make(chan struct{}), make(chan struct{})
			stopped := hooked(t, d, func(step Step) error {
				if step.Done && strings.Contains(step.Text, name) {
					once.Do(func() { close(frozen); <-thaw })
				}
				return nil
			})
			var all sync.WaitGroup
			var lost error
			all.Go(func() { lost = write(t.Context(), stopped) })
			<-frozen
			ctx, cancel := context.WithTimeout(t.Context(), storage.WriteWithin)
			defer cancel()
			err := write(ctx, s)
			close(thaw)
			all.Wait()
			if err != nil || lost == nil {
				t.Errorf("another process: %v; the frozen one: %v", err, lost)
			}
		})
	}
	r := &recorder{}
	leases := hooked(t, d, r.hook)
	r.take()
	if held, err := leases.AcquireLease(t.Context(), "loft", "recover", "a", time.Minute); !held || err != nil {
		t.Fatal(held, err)
	}
	for _, step := range r.take() {
		if step.What == "begin" {
			t.Error("a lease is taken in a transaction, in which a process may freeze")
		}
	}
}

// TestFrozenWaiter stops a process while it waits for a document that another one holds:
// the holder still stores what it has, such as a token.
func TestFrozenWaiter(t *testing.T) {
	t.Parallel()
	d := PostgreSQL(t)
	s, _ := d.Store(t)
	holds, frozen, thaw := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	waits := hooked(t, d, func(step Step) error {
		if step.Done && strings.HasPrefix(step.Text, "SELECT holder") {
			once.Do(func() { close(frozen); <-thaw })
		}
		return nil
	})
	var all sync.WaitGroup
	var held error
	all.Go(func() {
		held = s.Documents().Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) {
			close(holds)
			<-frozen
			return []byte("token"), nil
		})
		close(thaw)
	})
	<-holds
	waited := waits.Documents().Update(t.Context(), "k", func(_ context.Context, current []byte) ([]byte, error) { return current, nil })
	all.Wait()
	if held != nil || waited != nil {
		t.Errorf("the holder: %v; the one that waited: %v", held, waited)
	}
}

// TestLeaseAcknowledgedLate: if the commit that takes a document's lease is acknowledged
// after the caller's time, the next caller does not wait until the lease ends.
func TestLeaseAcknowledgedLate(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		d.Store(t)
		ctx, cancel := context.WithCancel(t.Context())
		late := hooked(t, d, func(step Step) error {
			if step.Done && step.What == "commit" {
				cancel()
			}
			return nil
		}).Documents()
		keep := func(_ context.Context, current []byte) ([]byte, error) { return current, nil }
		if err := late.Update(ctx, "k", keep); err == nil {
			t.Error("an Update whose time was over succeeded")
		}
		soon, end := context.WithTimeout(t.Context(), 4*time.Second) // a lease lasts 8 s
		defer end()
		if err := late.Update(soon, "k", keep); err != nil {
			t.Errorf("the next Update: %v", err)
		}
	})
}

// TestFrozenProcess stops a process, or cuts its cable, while it holds the rows of
// the site and of a document: the server cannot know, and all doors of the site
// would wait for it.
func TestFrozenProcess(t *testing.T) {
	t.Parallel()
	s := newScene(t, PostgreSQL(t))
	s.works(1)
	var site, document sync.Once
	frozen, thaw := make(chan struct{}, 2), make(chan struct{})
	freeze := func() { frozen <- struct{}{}; <-thaw }
	db, err := s.d.OpenHooked(func(step Step) error {
		switch {
		case step.Done && strings.Contains(step.Text, "INSERT INTO doorkit_chains"):
			site.Do(freeze)
		case step.Done && strings.Contains(step.Text, "INSERT INTO doorkit_documents"):
			document.Do(freeze)
		}
		return nil
	})
	must(t, err)
	defer db.Close()
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: s.d.Dialect})
	must(t, err)
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}, CheckIns: gate.EveryUnlock})
	must(t, err)
	write := func(_ context.Context, current []byte) ([]byte, error) { return append([]byte("x"), current...), nil }
	var receipt gate.Receipt
	var update error
	var all sync.WaitGroup
	all.Go(func() {
		// The second tap of a member within two seconds is not usual: it needs a transaction.
		if r, err := g.Unlock(t.Context(), tap(2)); err != nil || !r.Opened() {
			t.Errorf("before: %s, %v, %v", r.Outcome, r.Err, err)
		}
		second := tap(2)
		second.RequestID += "-again"
		receipt, _ = g.Unlock(t.Context(), second)
	})
	all.Go(func() { update = store.Documents().Update(t.Context(), "k", write) })
	<-frozen
	<-frozen
	opened, since := false, time.Now()
	for n := 3; n < 6 && !opened; n++ {
		r, err := s.gate(0).Unlock(t.Context(), tap(n))
		must(t, err)
		opened = r.Opened()
	}
	if waited := time.Since(since); waited > frozenWithin {
		t.Errorf("others moved no door for %s", waited)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	other := s.store.Documents().Update(ctx, "k", write)
	close(thaw)
	all.Wait()
	if !opened || other != nil {
		t.Errorf("others waited in vain: a door opened %t, a document %v", opened, other)
	}
	if receipt.Outcome != storage.NotSent || update == nil {
		t.Errorf("the frozen request: %s, %v", receipt.Outcome, update)
	}
	for _, g := range []*gate.Gate{g, s.gate(0)} {
		r, err := g.Unlock(t.Context(), tap(6+len(s.movements())))
		if err != nil || !r.Opened() {
			t.Errorf("later: %s, %v, %v", r.Outcome, r.Err, err)
		}
	}
	s.checkGuarantees()
}
