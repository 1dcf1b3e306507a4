package saltoks

import (
	"testing"
	"time"
)

// BenchmarkTokenFresh is what a call pays while the token is fresh.
func BenchmarkTokenFresh(b *testing.B) {
	now := time.Now()
	r := &refresher{now: time.Now, cur: newHeld(Token{Access: NewSecret("a"), Expiry: now.Add(time.Hour)}, now)}
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Token(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStateDocument seals, stores, reads and opens one connection.
func BenchmarkStateDocument(b *testing.B) {
	s, err := NewState(NewMemoryStore(), EphemeralSealer())
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := updateDoc(ctx, s, noteDocs, "x", put("text", "secret")); err != nil {
			b.Fatal(err)
		}
		if _, err := loadDoc(ctx, s, noteDocs, "x"); err != nil {
			b.Fatal(err)
		}
	}
}
