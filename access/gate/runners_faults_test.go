package gate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// TestRunnersSearchFailsOnce: a daily job is due again soon after the sites with work could
// not be found.
func TestRunnersSearchFailsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 3)
		for _, work := range []string{"verify", "prune"} {
			h.fail("Due "+work, func() error { h.fail("Due "+work, nil); return errDown })
		}
		runHosts(t, time.Hour, h)
		for _, job := range []string{"verify", "prune"} {
			for id := range h.gates {
				if e := h.events(job, id); len(e) != 2 || e[0].Err == nil || e[1].Err != nil || e[1].At.Sub(e[0].At) > 30*time.Minute {
					t.Errorf("%s at %s: %+v", job, id, e)
				}
			}
		}
	})
}

// TestRunnersStopWithoutLease: a process that was frozen begins no further run after another
// one has the lease.
func TestRunnersStopWithoutLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var mu sync.Mutex
		var polls [2]int
		hosts := make([]*manySites, 2)
		for i := range hosts {
			hosts[i] = newManySites(t, store, 600, func(c *gate.RunnerConfig) {
				c.Vendor = pollFunc(func() { mu.Lock(); defer mu.Unlock(); polls[i]++ })
			})
			hosts[i].all.PerSecond = 1 // so that a pass takes 10 minutes
		}
		count := func() int { mu.Lock(); defer mu.Unlock(); return polls[0] }
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { hosts[0].all.Run(ctx) })
		time.Sleep(10 * time.Second)
		hosts[0].dead.Store(true)
		all.Go(func() { hosts[1].all.Run(ctx) })
		time.Sleep(3 * time.Minute)
		if n := count(); n < 50 {
			t.Errorf("the first process made %d runs", n)
		}
		hosts[0].dead.Store(false)
		time.Sleep(21 * time.Second) // it tries to renew the lease
		before := count()
		time.Sleep(20 * time.Second)
		if n := count() - before; n != 0 {
			t.Errorf("%d runs without the lease", n)
		}
		stop()
		all.Wait()
	})
}

// TestRunnersSitesAddedLater: sites that are added after Run began have their daily jobs
// soon, once, in one of the processes.
func TestRunnersSitesAddedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var mu sync.Mutex
		runs := map[string][]time.Time{}
		job := func(c *gate.RunnerConfig) {
			site := c.Gate
			c.Jobs = []gate.Job{{Name: "daily", Every: 24 * time.Hour, Run: func(ctx context.Context) error {
				s, _ := site.Stats(ctx)
				mu.Lock()
				defer mu.Unlock()
				runs[s.Site] = append(runs[s.Site], time.Now())
				return nil
			}}}
		}
		one, two := newManySites(t, store, 0), newManySites(t, store, 0)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { one.all.Run(ctx) })
		all.Go(func() { two.all.Run(ctx) })
		added := map[string]time.Time{}
		for i := range 30 {
			id := fmt.Sprintf("site-%03d", i)
			added[id] = time.Now()
			one.add(t, id, job)
			two.add(t, id, job)
			switch {
			case i < 5:
				time.Sleep(10 * time.Millisecond)
			case i < 10:
				time.Sleep(time.Hour)
			case i == 10:
				one.abandon(t, "site-000") // "verify" finds a row
			}
		}
		time.Sleep(17 * time.Hour)
		for id, at := range added {
			mu.Lock()
			list := runs[id]
			mu.Unlock()
			if len(list) != 1 || list[0].Sub(at) > 10*time.Minute {
				t.Errorf("%s, added at %v: the job ran at %v", id, at, list)
			}
			if n := len(one.events("verify", id)) + len(two.events("verify", id)); n != 1 {
				t.Errorf("%s: %d runs of verify", id, n)
			}
		}
		stop()
		all.Wait()
	})
}

// TestRunnersSitesAddedBeforeRunOnce: so do those that are added between two calls of
// RunOnce.
func TestRunnersSitesAddedBeforeRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 3)
		for i := range 3 {
			if err := h.all.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if i == 0 {
				h.add(t, "new")
			}
		}
		for id := range h.gates {
			if n := len(h.events("verify", id)); n != 1 {
				t.Errorf("%s: %d runs of verify", id, n)
			}
		}
	})
}

// TestRunnersRunOnceRecoversFirst: RunOnce settles commands before the jobs that take long.
func TestRunnersRunOnceRecoversFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 100, func(c *gate.RunnerConfig) {
			c.Vendor = pollFunc(func() { time.Sleep(40 * time.Second) })
			c.Jobs = []gate.Job{{Name: "a_job", Every: time.Hour, Run: func(context.Context) error { return nil }}}
		})
		h.all.PerSecond = 1
		h.abandon(t, "site-050")
		time.Sleep(time.Minute)
		began := time.Now()
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.wantRecovered(t, "site-050", true)
		if e := h.events("recover", "site-050"); len(e) != 1 || e[0].At.Sub(began) > time.Second {
			t.Errorf("recovered %v after the call: %+v", e[0].At.Sub(began), e)
		}
		if time.Since(began) < 2*time.Minute {
			t.Error("the other jobs took no time")
		}
	})
}

// TestRunnersBusySitesCostNoTurn: a site whose run continues takes no part of PerSecond.
func TestRunnersBusySitesCostNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		h := newManySites(t, memstore.New(), 60, func(c *gate.RunnerConfig) {
			c.Jobs = []gate.Job{{Name: "mine", Every: time.Minute, Run: func(context.Context) error { <-free; return nil }}}
		})
		h.all.AtOnce, h.all.PerSecond = 100, 1
		var calls sync.WaitGroup
		calls.Go(func() { _ = h.all.RunOnce(t.Context()) })
		time.Sleep(3 * time.Minute)
		var took time.Duration
		calls.Go(func() {
			began := time.Now()
			_ = h.all.RunOnce(t.Context())
			took = time.Since(began)
		})
		time.Sleep(10 * time.Second)
		close(free)
		calls.Wait()
		if took > 15*time.Second {
			t.Errorf("a call of RunOnce while all sites are busy took %v", took)
		}
	})
}
