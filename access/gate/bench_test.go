package gate_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// The gate's own cost of one unlock: storage in memory, locks that obey.
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

// What an append to the chain of a storage costs against encoding and hashing
// the row alone, in turns: of each the quicker quarter, so that what else the
// machine does counts less.
func BenchmarkAppend(b *testing.B) {
	e := chained(1).list[0].LogEntry
	const turn = 1 << 12
	var head gate.Head
	var alone, stored []float64
	for b.Loop() {
		start := time.Now()
		for range turn {
			head = head.Append(site, e).Head()
		}
		alone = append(alone, float64(time.Since(start))/turn)
		s := memstore.New()
		start = time.Now()
		for range turn {
			if _, err := s.Note(b.Context(), site, e); err != nil {
				b.Fatal(err)
			}
		}
		stored = append(stored, float64(time.Since(start))/turn)
	}
	slices.Sort(alone)
	slices.Sort(stored)
	b.ReportMetric(alone[len(alone)/4], "ns/hash")
	b.ReportMetric(stored[len(stored)/4], "ns/append")
	b.ReportMetric(100*alone[len(alone)/4]/stored[len(stored)/4], "%-of-rate")
	b.ReportMetric(0, "ns/op")
}
