package gate_test

import (
	"crypto/sha256"
	"fmt"
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

// What an append to the chain costs against the encoding and hashing alone.
func BenchmarkAppend(b *testing.B) {
	e := chained(1).list[0].LogEntry
	b.Run("chain", func(b *testing.B) {
		s := memstore.New()
		for b.Loop() {
			if _, err := s.Note(b.Context(), site, e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hash alone", func(b *testing.B) {
		buf := make([]byte, 170)
		for b.Loop() {
			buf[0]++
			sha256.Sum256(buf)
		}
	})
}
