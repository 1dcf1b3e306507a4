package saltostate

import (
	"testing"
)

// BenchmarkStateDocument seals, stores, reads and opens one connection.
func BenchmarkStateDocument(b *testing.B) {
	s, err := New(Config{Store: NewMemoryStore(), Sealer: EphemeralSealer()})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := Update(ctx, s, noteDocs, "x", put("text", "secret")); err != nil {
			b.Fatal(err)
		}
		if _, err := Load(ctx, s, noteDocs, "x"); err != nil {
			b.Fatal(err)
		}
	}
}
