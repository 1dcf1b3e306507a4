//go:build unix

package dbtest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// serve returns the Runners of a process with n sites, each with its own gate.
func serve(t testing.TB, s *sqlstore.Store, n int, observer gate.Observer) (*gate.Runners, []*gate.Runner) {
	t.Helper()
	all, list := &gate.Runners{}, make([]*gate.Runner, n)
	var zones gate.Zones
	for i := range n {
		g, err := gate.New(gate.Config{Site: siteID(i), Facts: s, Records: s, Locks: instantly, Zones: &zones, Observer: observer})
		must(t, err)
		list[i], err = gate.NewRunner(gate.RunnerConfig{Gate: g, KeepLog: 365 * 24 * time.Hour})
		must(t, err)
		_, err = all.Add(list[i])
		must(t, err)
	}
	return all, list
}

func siteID(i int) string { return fmt.Sprintf("site-%06d", i) }

// abandoned begins a command at a site, as a process that was killed left it.
func abandoned(t testing.TB, s *sqlstore.Store, site string) storage.RequestKey {
	t.Helper()
	a := attempt(storage.RequestKey{Site: site, Member: "ada", RequestID: "request-of-" + site}, 0)
	a.Entry.Begun = time.Now().Add(-time.Minute)
	a.Entry.SendBy = a.Entry.Begun.Add(gate.SendWithin)
	c, err := s.Begin(t.Context(), a)
	if err != nil || c.State != storage.Claimed {
		t.Fatal(c.State, err)
	}
	return a.Entry.RequestKey
}

// TestManySitesInOnePass: for 1,000 sites, each job uses two statements for the lease, one
// to find the sites with work, and the statements of the work itself.
func TestManySitesInOnePass(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, r := watched(t, d)
		all, _ := serve(t, s, 1000, nil)
		key := abandoned(t, s, siteID(123))
		r.take()
		must(t, all.RunOnce(t.Context()))
		e, err := s.Wait(t.Context(), key, storage.Sending)
		if err != nil || e.Outcome != storage.Unconfirmed {
			t.Errorf("the command of the killed process: %s, %v", e.Outcome, err)
		}
		statements := 0
		for _, step := range r.take() {
			if step.What == "query" || step.What == "exec" {
				statements++
			}
		}
		// Five jobs; Recover and VerifyNew at one site, and their commits.
		if statements > 45 {
			t.Errorf("%d statements for 1,000 sites", statements)
		}
		t.Logf("%d statements", statements)
		must(t, all.RunOnce(t.Context())) // nothing is due
		if n := len(r.take()); n > 5*4 {
			t.Errorf("%d steps while nothing is due", n)
		}
	})
}

// TestManySitesAfterACut: the process that does a job at all sites is cut off from the
// database in the middle of a pass. A waiting process does it once the lease is over.
func TestManySitesAfterACut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a lease of a minute")
	}
	const sites = 20
	d := PostgreSQL(t)
	s, _ := d.Store(t)
	cut, db := d.Store(t)
	free, began, runs := make(chan struct{}), make(chan struct{}, sites), make(chan string, sites)
	process := func(s *sqlstore.Store, run func(site string)) *gate.Runners {
		all := &gate.Runners{}
		for i := range sites {
			g, err := gate.New(gate.Config{Site: siteID(i), Facts: s, Records: s, Locks: instantly})
			must(t, err)
			job := gate.Job{Name: "mine", Every: 20 * time.Second, Run: func(context.Context) error { run(siteID(i)); return nil }}
			r, err := gate.NewRunner(gate.RunnerConfig{Gate: g, Jobs: []gate.Job{job}})
			must(t, err)
			_, err = all.Add(r)
			must(t, err)
		}
		all.PerSecond = 100
		return all
	}
	first := process(cut, func(string) { began <- struct{}{}; <-free })
	second := process(s, func(site string) { runs <- site })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer func() { stop(); close(free); running.Wait() }()
	running.Go(func() { first.Run(ctx) })
	<-began
	running.Go(func() { second.Run(ctx) })
	key := abandoned(t, s, siteID(7))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(runs); n != 0 {
		t.Errorf("%d runs in the second process while the first had the lease", n)
	}
	limit := time.After(3 * time.Minute)
	seen := map[string]bool{}
	for len(seen) < sites {
		select {
		case site := <-runs:
			seen[site] = true
		case <-limit:
			t.Fatalf("the other process ran the job at %d of %d sites", len(seen), sites)
		}
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	e, err := s.Wait(limited, key, storage.Sending)
	if err != nil || e.Outcome != storage.Unconfirmed {
		t.Errorf("the command of the killed process: %s, %v", e.Outcome, err)
	}
}

// BenchmarkManySites measures one pass over sites without work: with a Runner for each,
// and with one Runners for all. It reports the memory of a gate with its Runner and its
// part of the Runners.
//
//	go test ./internal/dbtest -run '^$' -bench ManySites -benchtime 1x -short
func BenchmarkManySites(b *testing.B) {
	const sites = 10_000
	d := PostgreSQL(b)
	s, r := watchedSites(b, d, sites)
	measure := func(b *testing.B, pass func(all *gate.Runners, list []*gate.Runner) error) {
		for b.Loop() {
			_, err := d.Raw(b).ExecContext(b.Context(), "DELETE FROM doorkit_leases")
			must(b, err)
			before := memory()
			all, list := serve(b, s, sites, nil)
			b.ReportMetric(float64(memory()-before)/sites, "B/site")
			r.take()
			began := time.Now()
			must(b, pass(all, list))
			b.ReportMetric(time.Since(began).Seconds(), "s/pass")
			steps := 0
			for _, step := range r.take() {
				if step.What == "query" || step.What == "exec" {
					steps++
				}
			}
			b.ReportMetric(float64(steps), "statements/pass")
			runtime.KeepAlive(all)
		}
	}
	b.Run("a Runner for each", func(b *testing.B) {
		measure(b, func(_ *gate.Runners, list []*gate.Runner) error {
			for _, r := range list {
				if err := r.RunOnce(b.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	})
	b.Run("Runners", func(b *testing.B) {
		measure(b, func(all *gate.Runners, _ []*gate.Runner) error { return all.RunOnce(b.Context()) })
	})
}

func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watchedSites fills sites with a door log that is verified, a receipt and a chain each.
func watchedSites(t testing.TB, d Database, sites int) (*sqlstore.Store, *recorder) {
	t.Helper()
	s, r := watched(t, d)
	var all sync.WaitGroup
	next := make(chan int)
	for range 8 {
		all.Go(func() {
			for i := range next {
				a := attempt(storage.RequestKey{Site: siteID(i), Member: "ada", RequestID: "request-00000001"}, 0)
				a.Entry.Outcome, a.Entry.Action, a.ShareWithin, a.Entry.Begun = storage.Denied, access.Unlock, 0, time.Now()
				a.Log.At = a.Entry.Begun
				if _, err := s.Begin(t.Context(), a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range sites {
		next <- i
	}
	close(next)
	all.Wait()
	_, err := d.Raw(t).ExecContext(t.Context(),
		"INSERT INTO doorkit_verified (site, seq, hash) SELECT site, head_seq, head_hash FROM doorkit_chains")
	must(t, err)
	analyze(t, d.Raw(t))
	return s, r
}
