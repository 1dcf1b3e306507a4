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

// TestRecheckLimits: a token is compared again when recheckEvery has passed, and ends when
// it could not be compared for recheckGrace.
func TestRecheckLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, asked, fails := time.Now(), 0, false
		r := &refresher{now: time.Now, recheck: recheckEvery}
		r.fetch = func(context.Context, saltoks.Secret) (held, error) {
			if asked++; fails {
				return held{}, faulttest.ErrHost
			}
			return newHeld(saltoks.Token{Access: saltoks.NewSecret("a"), Expiry: begin.Add(time.Hour)}, begin, begin), nil
		}
		serves := func(after time.Duration, want bool, times int) {
			t.Helper()
			time.Sleep(after)
			if _, err := r.Token(t.Context()); (err == nil) != want || asked != times {
				t.Errorf("%v after the start: %v, asked %d times, want %d", time.Since(begin), err, asked, times)
			}
		}
		serves(0, true, 1)
		serves(recheckEvery-1, true, 1)
		serves(1, true, 2)
		fails = true
		serves(recheckEvery, true, 3) // the first failure
		serves(recheckGrace-1, true, 4)
		serves(1, false, 5)
	})
}

// TestRejectedDuringARecheck: SALTO rejects a token while a flight compares it with the
// stored one. The result of that flight is the same token, which must not serve again.
func TestRejectedDuringARecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, land := time.Now(), make(chan struct{})
		r := &refresher{now: time.Now, recheck: time.Minute}
		r.fetch = func(_ context.Context, rejected saltoks.Secret) (held, error) {
			text := "a"
			if !rejected.IsZero() {
				text = "b"
			}
			r.confirm()
			if time.Since(begin) > 0 && rejected.IsZero() {
				<-land
			}
			return newHeld(saltoks.Token{Access: saltoks.NewSecret(text), Expiry: begin.Add(time.Hour)}, begin, begin), nil
		}
		first, err := r.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := r.Token(t.Context()); err != nil { // confirmed, while the refresh is in flight
			t.Fatal(err)
		}
		if err := r.Reject(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { close(land) })
		for range 2 {
			if token, err := r.Token(t.Context()); err != nil || token.Access.Reveal() != "b" {
				t.Errorf("the token is %q, %v", token.Access.Reveal(), err)
			}
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
