package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// TestRunnersSitesThatHang: AtOnce sites that hang do not stop a pass.
func TestRunnersSitesThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 40)
		for id := range h.gates {
			h.abandon(t, id)
		}
		h.all.AtOnce = 2
		var hang atomic.Int32
		for id := range h.gates { // the first two that are asked
			h.fail("Entries "+id, func() error {
				if hang.Add(1) <= 2 {
					time.Sleep(20 * time.Minute)
				}
				return nil
			})
		}
		time.Sleep(time.Minute)
		runHosts(t, 4*time.Minute, h)
		recovered := 0
		for id := range h.gates {
			if r, err := h.gates[id].Receipt(t.Context(), "ada", "request-of-"+id); err == nil && r.Cause == gate.CauseInterrupted {
				recovered++
			}
		}
		if recovered != 38 {
			t.Errorf("%d of 38 sites recovered while two hang", recovered)
		}
		time.Sleep(20 * time.Minute) // they end
	})
}

// TestRunnersRunOnceReturnsLateErrors: also the error of a run that outlasts the interval.
func TestRunnersRunOnceReturnsLateErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 3)
		h.abandon(t, "site-001")
		h.fail("Entries site-001", func() error { time.Sleep(5 * time.Minute); return errDown })
		time.Sleep(time.Minute)
		if err := h.all.RunOnce(t.Context()); !errors.Is(err, errDown) || !strings.Contains(err.Error(), "recover: site-001: ") {
			t.Errorf("RunOnce: %v", err)
		}
	})
}

// TestRunnersBeginBeforeTheyReport: a slow Observer of the sites without work does not delay
// the work.
func TestRunnersBeginBeforeTheyReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 200)
		h.first = func(gate.Event) { time.Sleep(time.Second) }
		h.abandon(t, "site-017")
		var searched, asked time.Time
		h.fail("Due recover", func() error { searched = time.Now(); return nil })
		h.fail("Entries site-017", func() error { asked = time.Now(); return nil })
		time.Sleep(time.Minute)
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wait := asked.Sub(searched); wait > time.Second {
			t.Errorf("the work began after %v", wait)
		}
		if e := h.events("recover", "site-000"); len(e) != 1 || e[0].Took > time.Second {
			t.Errorf("a site without work: %+v", e)
		}
	})
}

// TestRunnersSameNameOtherJob: a job of one site is not that of another one because it has
// its name and interval.
func TestRunnersSameNameOtherJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 0)
		h.add(t, "gate", func(c *gate.RunnerConfig) { c.KeepLog = 40 * 24 * time.Hour })
		h.add(t, "own", func(c *gate.RunnerConfig) {
			c.Jobs = []gate.Job{{Name: "retain", Every: 24 * time.Hour, Run: func(context.Context) error { return nil }}}
		})
		if err := h.all.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		for id := range h.gates {
			if n := len(h.events("retain", id)); n != 1 {
				t.Errorf("%s: %d runs", id, n)
			}
		}
	})
}

// TestRunnersEndInTime: Run returns within 40 seconds although it ends many leases of a
// storage that hangs.
func TestRunnersEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newManySites(t, memstore.New(), 50)
		for id, g := range h.gates {
			if err := g.ReportProblem(t.Context(), gate.CauseReauthorizeDue, false); err != nil {
				t.Fatal(err)
			}
			h.fail("AcquireLease "+id, func() error { time.Sleep(gate.WriteWithin / 2); return errDown })
		}
		began := time.Now()
		runHosts(t, time.Minute, h)
		if took := time.Since(began) - time.Minute; took > 40*time.Second {
			t.Errorf("Run returned %v after its context ended", took)
		}
	})
}

// TestRunnersRemoveEnds: after a site was removed, its runs have ended, and another process
// reports its problems at once.
func TestRunnersRemoveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		for name, c := range slowEnds(free) {
			h := newManySites(t, memstore.New(), 0)
			remove := h.add(t, "loft", func(r *gate.RunnerConfig) { r.Jobs = []gate.Job{{Name: "mine", Every: time.Minute, Run: c.run}} })
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { h.all.Run(ctx) })
			time.Sleep(2 * time.Minute)
			if err := h.gates["loft"].ReportProblem(t.Context(), gate.CauseReauthorizeDue, true); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			remove()
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: the site was removed within %v, want %v", name, took, c.want)
			}
			if leads, err := h.AcquireLease(t.Context(), "loft", "problems", "another", time.Minute); err != nil || !leads {
				t.Errorf("%s: another process leads: %t, %v", name, leads, err)
			}
			stop()
			if name == "hangs" {
				close(free)
			}
			all.Wait()
		}
	})
}
