package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

func testIQKey(t testing.TB, pin string) saltoks.IQKey {
	t.Helper()
	p, err := saltoks.ParseIQPIN(pin)
	if err != nil {
		t.Fatal(err)
	}
	return saltoks.IQKey{Secret: saltoks.NewSecret("A1B2C3D4E5F60718"), PIN: p}
}

// The expected codes were made with md5sum(1) on the text of WIRE.md 3.1.
func TestOTPFormula(t *testing.T) {
	amsterdam := time.FixedZone("", 3600)
	for _, c := range []struct {
		at        time.Time
		pin, want string
	}{
		{time.Date(2026, 11, 23, 8, 9, 10, 0, time.UTC), "0042", "b6946"},
		{time.Date(2026, 11, 23, 8, 9, 10, 999_999_999, time.UTC), "0042", "b6946"}, // no rounding
		{time.Date(2026, 11, 23, 9, 9, 10, 0, amsterdam), "0042", "b6946"},          // always UTC
		{time.Date(2026, 11, 23, 8, 9, 11, 0, time.UTC), "0042", "269a5"},
		{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), "9999", "9d0dd"},
	} {
		if got := testIQKey(t, c.pin).OTP(c.at).Reveal(); got != c.want {
			t.Errorf("%v: got %s, want %s", c.at, got, c.want)
		}
	}
}

// codesOfKey computes the codes of one key.
type codesOfKey struct {
	*localCodes
	key saltoks.IQKey
}

func (c *codesOfKey) OTP(ctx context.Context, iq saltoks.IQID) (saltoks.OTP, error) {
	return c.code(ctx, siteIQ{"s", iq}, c.key)
}

// secondsProvider lets a test see which seconds were used.
func secondsProvider(t testing.TB, start int64) (*codesOfKey, func(saltoks.OTP) int64) {
	t.Helper()
	key := testIQKey(t, "0042")
	p := &codesOfKey{newLocalCodes(time.Now), key}
	p.start = start
	return p, func(code saltoks.OTP) int64 {
		now := time.Now().Unix()
		for s := now; s > now-200; s-- {
			if key.OTP(time.Unix(s, 0)).Reveal() == code.Reveal() {
				return now - s
			}
		}
		t.Fatal("the code is of none of the last 200 seconds")
		return 0
	}
}

func TestOTPTakesTheNewestUnusedSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, age := secondsProvider(t, 7)
		var got []int64
		for range 3 {
			code, err := p.OTP(t.Context(), "q")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, age(code))
		}
		other, err := p.OTP(t.Context(), "another")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, age(other)) // an IQ of its own
		time.Sleep(5 * time.Second)
		code, err := p.OTP(t.Context(), "q")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, age(code))
		if want := []int64{7, 8, 9, 7, 7}; !slices.Equal(got, want) {
			t.Errorf("ages of the seconds used: got %v, want %v", got, want)
		}
	})
}

func TestOTPExhaustion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, age := secondsProvider(t, 30)
		for range 31 {
			if _, err := p.OTP(t.Context(), "q"); err != nil {
				t.Fatal(err)
			}
		}
		// The next second is less than one away: it is waited for.
		start := time.Now()
		code, err := p.OTP(t.Context(), "q")
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited <= 0 || waited > time.Second {
			t.Errorf("waited %v for the next second", waited)
		}
		if a := age(code); a != 30 {
			t.Errorf("used a second of %d s ago, want 30", a)
		}
		// It is not waited for if the context ends before.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start = time.Now()
		_, err = p.OTP(ctx, "q")
		exhausted, ok := errors.AsType[*saltoks.APIError](err)
		if !ok || !errors.Is(err, saltoks.ErrRateLimited) || exhausted.RetryAfter <= 0 || exhausted.RetryAfter > time.Second {
			t.Fatalf("got %v, want ErrRateLimited that names up to a second", err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("the refusal took %v", d)
		}
		// Nor as long as ten seconds: of eleven callers at once, two are refused.
		var refused int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 11 {
			wg.Go(func() {
				if _, err := p.OTP(t.Context(), "q"); err != nil {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if refused != 2 {
			t.Errorf("%d of 11 refused, want 2", refused)
		}
	})
}

func TestOTPReusesASecondAfterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, age := secondsProvider(t, 30)
		used := make(map[string]bool)
		for range 31 {
			code, err := p.OTP(t.Context(), "q")
			if err != nil {
				t.Fatal(err)
			}
			used[code.Reveal()] = true
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the tap was taken back")
		time.AfterFunc(time.Millisecond, func() { cancel(gone) })
		if _, err := p.OTP(ctx, "q"); !errors.Is(err, gone) {
			t.Fatalf("got %v", err)
		}
		start := time.Now()
		code, err := p.OTP(t.Context(), "q")
		if err != nil || time.Since(start) > time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		if a := age(code); used[code.Reveal()] || a != 30 {
			t.Errorf("used a second of %d s ago, want 30; used before: %v", a, used[code.Reveal()])
		}
	})
}

// However many goroutines request codes, and however the clock changes, no two codes are
// computed from one second, and none from a second that is too old or in the future.
func TestOTPSecondsAreUniqueUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var setBack time.Duration
		now := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(-setBack)
		}
		p := newLocalCodes(now)
		seen := make(map[int64]bool)
		oldest := int64(0)
		for round := range 20 {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					s, err := p.second(t.Context(), siteIQ{"s", "q"})
					if err != nil {
						if !errors.Is(err, saltoks.ErrRateLimited) {
							t.Error(err)
						}
						return
					}
					age := now().Unix() - s
					mu.Lock()
					defer mu.Unlock()
					if seen[s] {
						t.Errorf("second %d was used twice", s)
					}
					seen[s] = true
					oldest = max(oldest, age)
					if age < 0 || age > otpMaxAge {
						t.Errorf("a second of %d s ago was used", age)
					}
				})
			}
			wg.Wait()
			time.Sleep(13 * time.Second)
			if round == 10 {
				mu.Lock()
				setBack = 40 * time.Second
				mu.Unlock()
			}
		}
		if len(seen) < 200 {
			t.Errorf("only %d codes were made", len(seen))
		}
	})
}

func TestOTPStartsDiffer(t *testing.T) {
	seen := make(map[int64]bool)
	for range 200 {
		p := newLocalCodes(time.Now)
		if p.start < 0 || p.start > otpMaxStart {
			t.Fatalf("start %d", p.start)
		}
		seen[p.start] = true
	}
	if len(seen) < 10 {
		t.Errorf("200 providers have only %d different starts", len(seen))
	}
}

func TestNoCodeWithoutAKey(t *testing.T) {
	if _, err := newLocalCodes(time.Now).code(t.Context(), siteIQ{"s", "q"}, saltoks.IQKey{}); !errors.Is(err, saltoks.ErrIQNotActivated) {
		t.Errorf("a key without secret: %v", err)
	}
	key := testIQKey(t, "0042")
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", key, key, key, key, key, key), fmt.Sprint(key.OTP(time.Now()))} {
		if strings.Contains(text, "A1B2") || strings.Contains(text, "0042") {
			t.Errorf("a secret prints: %s", text)
		}
	}
}

// Each byte moves the clock by -128 to +127 s; no second comes twice.
func FuzzOTPSeconds(f *testing.F) {
	f.Add(int64(0), []byte{0, 0, 0, 1, 255, 60, 200})
	f.Add(int64(30), make([]byte, 100))
	f.Fuzz(func(t *testing.T, start int64, moves []byte) {
		base := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		now := base
		p := newLocalCodes(func() time.Time { return now })
		p.start = (start%31 + 31) % 31
		seen := make(map[int64]bool)
		ctx, cancel := context.WithTimeout(t.Context(), 0) // nothing is waited for
		defer cancel()
		ctx = deadlineOnly{t.Context(), ctx}
		for _, m := range moves[:min(len(moves), 400)] {
			if next := now.Add(time.Duration(int8(m)) * time.Second); next.Sub(base).Abs() < 8*time.Minute {
				now = next // the memory is 17 minutes long
			}
			s, err := p.second(ctx, siteIQ{"s", "q"})
			if err != nil {
				if !errors.Is(err, saltoks.ErrRateLimited) {
					t.Fatal(err)
				}
				continue
			}
			if age := now.Unix() - s; age < 0 || age > otpMaxAge {
				t.Fatalf("a second of %d s ago", age)
			}
			if seen[s] {
				t.Fatalf("second %d twice", s)
			}
			seen[s] = true
		}
	})
}

// deadlineOnly has a deadline that passed, but has not ended.
type deadlineOnly struct {
	context.Context
	deadline context.Context
}

func (d deadlineOnly) Deadline() (time.Time, bool) { return d.deadline.Deadline() }

func BenchmarkLocalCodes(b *testing.B) {
	var second int64
	p := codesOfKey{newLocalCodes(func() time.Time { second++; return time.Unix(second, 0) }), testIQKey(b, "0042")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.OTP(b.Context(), "q"); err != nil {
			b.Fatal(err)
		}
	}
}
