package gate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestRunnersWorkOnlyWhereThereIsWork: of 200 sites, a few have work. The others cost no
// call of the storage, and each is reported.
func TestRunnersWorkOnlyWhereThereIsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keep = 40 * 24 * time.Hour
		h := newManySites(t, memstore.New(), 200, func(c *gate.RunnerConfig) { c.KeepLog = keep })
		h.abandon(t, "site-017")
		tap := gate.Tap{RequestID: "request-00000001", Member: "ada", Door: "front", TappedAt: time.Now()}
		if _, err := h.gates["site-099"].StartOfficeMode(t.Context(), tap); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteGrant(t.Context(), "site-099", "g"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		h.take()
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.wantRecovered(t, "site-017", true)
		if holds, err := h.gates["site-099"].Holds(t.Context()); err != nil || len(holds) != 0 {
			t.Errorf("close_office_mode: %v, %v", holds, err)
		}
		want := map[string]int{ // two for each lease
			"AcquireLease all sites": 10, "Due recover": 1, "Due holds": 1, "Due prune": 1, "Due retain": 1, "Due verify": 1,
			"Entries site-017": 1, "Settle site-017": 1, "Holds site-099": 2, "Settle site-099": 1, "Verified site-017": 1, "Verified site-099": 1,
		}
		if diff := cmp.Diff(want, h.take()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for id := range h.gates {
			for _, job := range []string{"recover", "close_office_mode", "verify", "prune", "retain"} {
				e := h.events(job, id)
				if len(e) != 1 || e[0].Err != nil || !e[0].Next.After(e[0].At) {
					t.Errorf("%s at %s: %+v", job, id, e)
				}
			}
		}
		// A month later there are receipts to remove, and later still rows.
		time.Sleep(gate.KeepReceipts + time.Hour)
		h.take()
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		pruned := h.take()
		time.Sleep(keep - gate.KeepReceipts)
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		retained := h.take()
		for _, id := range []string{"site-017", "site-099"} {
			if pruned["Prune "+id] != 1 || pruned["Retain "+id] != 0 || retained["Prune "+id] != 0 || retained["Retain "+id] != 1 {
				t.Errorf("%s: %v, then %v", id, pruned, retained)
			}
		}
		if pruned["Prune site-000"]+retained["Retain site-000"] != 0 {
			t.Error("a site without work was asked")
		}
	})
}

// TestRunnersTakeOver: one process does the work of all sites while the other stands by,
// and the other continues when the first is killed.
func TestRunnersTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		frozen := make(chan struct{})
		var began atomic.Int32
		job := func(c *gate.RunnerConfig) {
			c.Jobs = []gate.Job{{Name: "mine", Every: time.Minute, Run: func(context.Context) error { began.Add(1); <-frozen; return nil }}}
		}
		one, two := newManySites(t, store, 30, job), newManySites(t, store, 30)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { one.all.Run(ctx) })
		synctest.Wait()
		all.Go(func() { two.all.Run(ctx) })
		time.Sleep(time.Hour)
		passes := len(one.events("recover", "site-003")) + len(two.events("recover", "site-003"))
		if passes < 53 || passes > 67 {
			t.Errorf("%d passes within an hour, want about 60", passes)
		}
		for i := range 30 {
			id := fmt.Sprintf("site-%03d", i)
			if n := len(one.events("recover", id)) + len(two.events("recover", id)); n != passes {
				t.Errorf("%s was in %d of %d passes", id, n, passes)
			}
		}
		if began.Load() != 30 {
			t.Errorf("%d runs of a job that hangs at 30 sites", began.Load())
		}
		one.dead.Store(true)
		was := len(two.events("recover", "site-003"))
		two.abandon(t, "site-011")
		time.Sleep(3 * time.Minute)
		two.wantRecovered(t, "site-011", true)
		if n := len(two.events("recover", "site-003")) - was; n < 2 {
			t.Errorf("%d passes in the 3 minutes after the other process died", n)
		}
		close(frozen)
		stop()
		all.Wait()
	})
}

// TestRunnersDoNotWaitForASite: a site that fails, panics or hangs does not stop the
// others, and is reported.
func TestRunnersDoNotWaitForASite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 40)
		ids := slices.Sorted(maps.Keys(h.gates))
		for _, id := range ids {
			h.abandon(t, id)
		}
		h.all.AtOnce = 3
		h.fail("Entries site-000", down)
		h.fail("Entries site-001", boom)
		var hangs atomic.Int32
		h.fail("Entries site-002", func() error { hangs.Add(1); time.Sleep(150 * time.Second); return errDown })
		time.Sleep(time.Minute)
		err := h.all.RunOnce(t.Context())
		if !errors.Is(err, errDown) || !strings.HasPrefix(err.Error(), "recover: site-0") || !strings.Contains(err.Error(), "site-000: ") {
			t.Errorf("RunOnce: %v", err)
		}
		for i, id := range ids {
			h.wantRecovered(t, id, i > 2)
		}
		if e := h.events("recover", "site-000"); len(e) != 1 || !errors.Is(e[0].Err, errDown) {
			t.Errorf("the site that fails: %+v", e)
		}
		if e := h.events("recover", "site-001"); len(e) != 1 || e[0].Err == nil {
			t.Errorf("the site that panics: %+v", e)
		}
		hangs.Store(0)
		runHosts(t, 20*time.Minute, h)
		if n := len(h.events("recover", "site-039")); n < 18 {
			t.Errorf("the others had %d passes in 20 minutes", n)
		}
		if n := hangs.Load(); n < 5 || n > 8 { // each takes 150 s, and a site has one at a time
			t.Errorf("%d runs at the site that hangs", n)
		}
		for _, id := range ids[:3] {
			h.fail("Entries "+id, nil)
		}
		time.Sleep(time.Minute)
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Error(err)
		}
		h.wantRecovered(t, "site-000", true)
	})
}

// TestRunnersSpreadDespiteASite: where the sites are spread over the interval, a site that
// hangs does not delay the next turn of the others.
func TestRunnersSpreadDespiteASite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := 0
		h := newManySites(t, memstore.New(), 10, func(c *gate.RunnerConfig) {
			hangs := sites == 0
			sites++
			c.Jobs = []gate.Job{{Name: "own", Every: time.Minute, Run: func(ctx context.Context) error {
				if hangs {
					select {
					case <-ctx.Done():
					case <-time.After(150 * time.Second):
					}
				}
				return nil
			}}}
		})
		runHosts(t, 20*time.Minute, h)
		if n := len(h.events("own", "site-009")); n < 18 {
			t.Errorf("the others had %d turns in 20 minutes", n)
		}
	})
}

// TestRunnersSearchFails: while the sites with work cannot be found, each is reported as
// failed.
func TestRunnersSearchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 3)
		h.abandon(t, "site-001")
		time.Sleep(time.Minute)
		for _, fail := range []func() error{down, boom} {
			h.fail("Due recover", fail)
			if err := h.all.RunOnce(t.Context()); err == nil {
				t.Error("no error")
			}
			time.Sleep(time.Minute)
		}
		h.fail("Due recover", nil)
		h.dead.Store(true)
		if err := h.all.RunOnce(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("without leases: %v", err)
		}
		for _, id := range []string{"site-000", "site-001", "site-002"} {
			e := h.events("recover", id)
			if len(e) != 3 || !errors.Is(e[0].Err, errDown) || e[1].Err == nil || !errors.Is(e[2].Err, errDown) {
				t.Errorf("%s: %+v", id, e)
			}
		}
		h.dead.Store(false)
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Error(err)
		}
		h.wantRecovered(t, "site-001", true)
	})
}

// TestRunnersAddAndRemove: sites come and go while the jobs run.
func TestRunnersAddAndRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 0)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { h.all.Run(ctx); close(ended) }()
		time.Sleep(time.Hour)
		if n := len(h.take()); n != 0 {
			t.Errorf("%d calls without a site", n)
		}
		running := make(chan context.Context, 1)
		removeLoft := h.add(t, "loft", func(c *gate.RunnerConfig) {
			c.Jobs = []gate.Job{{Name: "long", Every: time.Minute, Run: func(ctx context.Context) error {
				running <- ctx
				<-ctx.Done()
				return ctx.Err()
			}}}
		})
		removeAttic := h.add(t, "attic")
		time.Sleep(10 * time.Minute)
		var run context.Context
		select {
		case run = <-running:
		default:
			t.Fatal("the job of the new site did not run")
		}
		for _, id := range []string{"loft", "attic"} {
			if n := len(h.events("recover", id)); n < 8 {
				t.Errorf("%s had %d passes in 10 minutes", id, n)
			}
		}
		removeLoft()
		removeLoft() // no effect
		synctest.Wait()
		if run.Err() == nil {
			t.Error("the run of a site that was removed did not end")
		}
		gone := len(h.events("recover", "loft"))
		time.Sleep(10 * time.Minute)
		if n := len(h.events("recover", "loft")); n != gone {
			t.Errorf("%d passes after it was removed", n-gone)
		}
		if n := len(h.events("recover", "attic")); n < 17 {
			t.Errorf("attic had %d passes in 20 minutes", n)
		}
		h.add(t, "loft") // again
		removeAttic()
		time.Sleep(10 * time.Minute)
		if n := len(h.events("recover", "loft")) - gone; n < 8 {
			t.Errorf("%d passes after it was added again", n)
		}
		if e := h.events("long", "loft"); len(e) != 0 {
			t.Errorf("a run that was stopped is no failure: %+v", e)
		}
		stop()
		<-ended
	})
}

func TestRunnersAddRefuses(t *testing.T) {
	h := newManySites(t, memstore.New(), 1)
	twice, err := gate.NewRunner(gate.RunnerConfig{Gate: h.gates["site-000"]})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := gate.NewRunner(gate.RunnerConfig{Gate: newManySites(t, memstore.New(), 2).gates["site-001"]})
	if err != nil {
		t.Fatal(err)
	}
	for field, r := range map[string]*gate.Runner{"Site": twice, "Records": elsewhere} {
		_, err := h.all.Add(r)
		var config *gate.ConfigError
		if !errors.As(err, &config) || len(config.Faults) != 1 || config.Faults[0].Field != field {
			t.Errorf("got %v, want a fault of %s", err, field)
		}
	}
}

// TestRunnersEnd: Run returns when its runs have ended, and at the latest after 35 s.
func TestRunnersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		for name, c := range slowEnds(free) {
			h := newManySites(t, memstore.New(), 3, func(r *gate.RunnerConfig) {
				r.Jobs = []gate.Job{{Name: "mine", Every: time.Second, Run: c.run}}
			})
			began := time.Now()
			runHosts(t, time.Minute, h)
			if took := time.Since(began) - time.Minute; took != c.want {
				t.Errorf("%s: Run returned %v after its context ended, want %v", name, took, c.want)
			}
		}
		close(free)
	})
}

// plainStore is a storage that cannot find sites with work.
type plainStore struct{ storage.Records }

// TestRunnersWithoutManySites: the jobs run at each site.
func TestRunnersWithoutManySites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 5)
		h.abandon(t, "site-002")
		time.Sleep(time.Minute)
		records := plainStore{h}
		var all gate.Runners
		for id := range h.gates {
			g, err := gate.New(gate.Config{Site: id, Facts: h, Records: &records, Locks: &driver{}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := gate.NewRunner(gate.RunnerConfig{Gate: g})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := all.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		h.take()
		if err := all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.wantRecovered(t, "site-002", true)
		if calls := h.take(); calls["Entries site-000"] != 1 || calls["Due recover"] != 0 {
			t.Errorf("calls %v", calls)
		}
	})
}

// slowEnd is a run of a job that does not end with its context, and how long Runners waits
// for it.
type slowEnd struct {
	run  func(context.Context) error
	want time.Duration
}

func slowEnds(free <-chan struct{}) map[string]slowEnd {
	return map[string]slowEnd{
		"obeys": {func(ctx context.Context) error { <-ctx.Done(); <-time.After(7 * time.Second); return nil }, 7 * time.Second},
		"hangs": {func(context.Context) error { <-free; return nil }, 35 * time.Second},
	}
}
