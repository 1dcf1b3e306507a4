package gate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// The gate's own cost of one unlock, with storage in memory and locks that accept every
// command.
func BenchmarkUnlock(b *testing.B) {
	now := noon
	var g *gate.Gate
	fresh := func() {
		store := memstore.New()
		fillSite(b, store)
		var err error
		g, err = gate.New(gate.Config{Site: site, Facts: store, Records: store, Locks: obedient{}, Now: func() time.Time { return now }})
		if err != nil {
			b.Fatal(err)
		}
	}
	fresh()
	ids := make([]string, 1<<14)
	for i := range ids {
		ids[i] = fmt.Sprintf("request-%010d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i > 0 && i%len(ids) == 0 { // the same ids again, on another storage
			b.StopTimer()
			fresh()
			b.StartTimer()
		}
		now = now.Add(time.Minute) // no tap shares another's command
		r, err := g.Unlock(b.Context(), gate.Tap{RequestID: ids[i%len(ids)], Member: "ada", Door: "front", TappedAt: now})
		if err != nil || !r.Opened() || r.Shared {
			b.Fatal(r, err)
		}
	}
}
