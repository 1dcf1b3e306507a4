package gate_test

import (
	"context"
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
