//go:build unix

package gate_test

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// The processor's time of one unlock, collecting garbage included, which says
// more than the clock where a machine does other things as well: the quicker
// quarter of turns of 4096 unlocks.
func BenchmarkUnlockCPU(b *testing.B) {
	ids := make([]string, 1<<12)
	for i := range ids {
		ids[i] = fmt.Sprintf("request-%010d", i)
	}
	cpu := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano() + u.Stime.Nano())
	}
	now := noon
	var turns []float64
	for b.Loop() {
		store := memstore.New()
		fillSite(b, store)
		g, err := gate.New(gate.Config{Site: site, Facts: store, Records: store, Locks: obedient{}, Now: func() time.Time { return now }})
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		start := cpu()
		for _, id := range ids {
			now = now.Add(time.Minute) // no tap shares another's command
			r, err := g.Unlock(b.Context(), gate.Tap{RequestID: id, Member: "ada", Door: "front", TappedAt: now})
			if err != nil || !r.Opened() || r.Shared {
				b.Fatal(r, err)
			}
		}
		turns = append(turns, (cpu()-start)/float64(len(ids)))
	}
	slices.Sort(turns)
	b.ReportMetric(turns[len(turns)/4], "cpu-ns/unlock")
	b.ReportMetric(0, "ns/op")
}
