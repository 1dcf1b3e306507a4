package saltolocks_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestManySitesForAnHour: one process follows many sites for an hour. Every entry is
// stored once, and neither memory nor goroutines grow.
func TestManySitesForAnHour(t *testing.T) {
	sites := 10
	switch {
	case testing.Short():
		sites = 5
	case os.Getenv("DOORKIT_FULL") == "1":
		sites = 50
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		one := h.open()
		h.connect(one, saltokstest.Allow())
		user := h.sim.World().Users[0].Email
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var locks []string
		var open []*saltolocks.Site
		for i := range sites {
			salto := h.sim.AddSite(saltokstest.Site{
				Name: fmt.Sprintf("House %d", i), Members: []saltokstest.Member{{User: user}},
				IQs: []saltokstest.IQ{{Name: "IQ"}}, Locks: []saltokstest.Lock{{Name: "Door"}},
			})
			site := h.open(func(c *saltolocks.Config) {
				c.Connection, c.Site, c.SaltoSite = "loft", fmt.Sprintf("house-%d", i), saltoks.SiteID(salto.ID)
			})
			locks, open = append(locks, salto.Locks[0].ID), append(open, site)
			all.Go(func() { site.Run(ctx) })
		}
		time.Sleep(10 * time.Minute)
		minute := func() {
			for _, lock := range locks {
				h.sim.Tap(lock, user)
			}
			time.Sleep(time.Minute)
		}
		measure := func() (goroutines int, heap uint64) {
			synctest.Wait()
			h.sim.ForgetRequests()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return runtime.NumGoroutine(), m.HeapAlloc
		}
		for range 10 {
			minute()
		}
		goroutines, heap := measure()
		for range 50 {
			minute()
		}
		time.Sleep(5 * time.Minute)
		later, grown := measure()
		if later > goroutines+sites {
			t.Errorf("%d goroutines, %d after an hour", goroutines, later)
		}
		// 50 entries of each site are kept in memory, with what the simulator keeps.
		if per := (float64(grown) - float64(heap)) / float64(50*sites); per > 8<<10 {
			t.Errorf("%.0f bytes more per entry", per)
		}
		for i := range open {
			list, err := h.store.VendorEntries(t.Context(), storage.VendorQuery{Site: fmt.Sprintf("house-%d", i), Lock: locks[i]})
			h.ok(err)
			if len(list) != 60 {
				t.Errorf("site %d: %d entries, want 60", i, len(list))
			}
		}
		stop()
		all.Wait()
	})
}
