package saltoauth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
)

// TestAFailingSourceIsNotAskedAtEachTap while its last token is good.
func TestAFailingSourceIsNotAskedAtEachTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, asked := time.Now(), 0
		r := &refresher{now: time.Now}
		r.fetch = func(context.Context, saltoks.Secret) (held, error) {
			if asked++; asked > 1 {
				return held{}, faulttest.ErrHost
			}
			return newHeld(saltoks.Token{Access: saltoks.NewSecret("a"), Expiry: begin.Add(time.Hour)}, begin, begin), nil
		}
		for range 2 {
			for range 10 {
				if token, err := r.Token(t.Context()); err != nil || token.Access.Reveal() != "a" {
					t.Fatalf("%v", err)
				}
			}
			time.Sleep(55 * time.Minute)
		}
		if _, err := r.Token(t.Context()); err == nil {
			t.Error("a token that is over is given out")
		}
		if asked != 3 {
			t.Errorf("asked %d times, want once for the token, once in its last tenth, once after its end", asked)
		}
	})
}

// BenchmarkTokenFresh measures Token while the token is fresh.
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
