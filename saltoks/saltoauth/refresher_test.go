package saltoauth

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// BenchmarkTokenFresh is what a call pays while the token is fresh.
func BenchmarkTokenFresh(b *testing.B) {
	now := time.Now()
	r := &refresher{now: time.Now, cur: newHeld(saltoks.Token{Access: saltoks.NewSecret("a"), Expiry: now.Add(time.Hour)}, now, now)}
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
