package storage_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestHeadsAreText(t *testing.T) {
	head := chained(1).list[0].Head()
	text, err := head.Hash.MarshalText()
	if err != nil || string(text) != head.Hash.String() || len(text) != 64 {
		t.Fatalf("got %q, %v", text, err)
	}
	var back storage.Digest
	if err := back.UnmarshalText(text); err != nil || back != head.Hash {
		t.Fatalf("got %v, %v", back, err)
	}
	for _, bad := range []string{"", "abc", strings.Repeat("g", 64)} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// A commitment depends on where the salt ends: moving bytes between salt and detail
// changes it.
func TestCommitmentHasBoundaries(t *testing.T) {
	salt, detail := []byte("0123456789abcdef"), []byte(`{"member":"ada"}`)
	all := append(slices.Clone(salt), detail...)
	seen := map[storage.Digest]int{}
	for n := range len(all) + 1 {
		seen[storage.Commitment(all[:n], all[n:])] = n
	}
	if len(seen) != len(all)+1 || seen[storage.Commitment(salt, detail)] != len(salt) {
		t.Errorf("%d places to cut, %d commitments", len(all)+1, len(seen))
	}
}

// TestHashParts computes the hash of a row as a database does.
func TestHashParts(t *testing.T) {
	row := chained(3).list[2]
	before := chained(3).list[1].Hash
	one, two, three := row.HashParts(site)
	text := slices.Concat(one, before[:], two, binary.BigEndian.AppendUint64(nil, row.Seq), three)
	if got := sha256.Sum256(text); got != row.Hash {
		t.Errorf("got %x, want %s", got, row.Hash)
	}
}

// BenchmarkAppend compares an append with encoding and hashing the row alone. The two
// alternate, and only the faster quarter of each counts, so that other load on the
// machine matters less.
func BenchmarkAppend(b *testing.B) {
	e := chained(1).list[0].LogEntry
	const turn = 1 << 12
	var head storage.Head
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
