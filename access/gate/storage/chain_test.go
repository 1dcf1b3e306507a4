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

// TestHashLayout computes the hash of a row from the layout that Append documents, so
// that a third party can verify an export, and each public field is part of it.
func TestHashLayout(t *testing.T) {
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	before := storage.Head{Seq: 6, Hash: chained(1).list[0].Hash}
	e := storage.LogEntry{
		At: time.Date(2026, 5, 4, 12, 30, 15, 123456000, time.UTC), Ref: 5, Door: "front", Action: "unlock", Outcome: storage.Accepted,
		Reason: "grant", Commitment: storage.Commitment([]byte("sixteen bytes..."), []byte("{}")),
	}
	want := sha256.Sum256(slices.Concat([]byte("doorkit door log 1\n"), before.Hash[:], text("loft"), binary.BigEndian.AppendUint64(nil, 7),
		binary.BigEndian.AppendUint64(nil, uint64(e.At.Unix())), binary.BigEndian.AppendUint32(nil, 123456),
		binary.BigEndian.AppendUint64(nil, 5), text("front"), text("unlock"), text("accepted"), text("grant"), e.Commitment[:]))
	row := before.Append("loft", e)
	if row.Hash != want || row.Seq != 7 {
		t.Errorf("row %d has the hash %s, want %x", row.Seq, row.Hash, want)
	}
	seen := map[storage.Digest]string{row.Hash: "nothing"}
	for field, change := range map[string]func(*storage.LogEntry){
		"the second":      func(e *storage.LogEntry) { e.At = e.At.Add(time.Second) },
		"the microsecond": func(e *storage.LogEntry) { e.At = e.At.Add(time.Microsecond) },
		"the reference":   func(e *storage.LogEntry) { e.Ref++ },
		"the door":        func(e *storage.LogEntry) { e.Door += "x" },
		"the action":      func(e *storage.LogEntry) { e.Action = "lock" },
		"the outcome":     func(e *storage.LogEntry) { e.Outcome = storage.Denied },
		"the reason":      func(e *storage.LogEntry) { e.Reason = "" },
		"the commitment":  func(e *storage.LogEntry) { e.Commitment[31]++ },
	} {
		changed := e
		change(&changed)
		hash := before.Append("loft", changed).Hash
		if other := seen[hash]; other != "" {
			t.Errorf("a change of %s has the hash of a change of %s", field, other)
		}
		seen[hash] = field
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
