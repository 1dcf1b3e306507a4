//go:build unix

package saltoks_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// BenchmarkCPUAgainstByHand reports the median of CPU time per call over that of
// the hand-written client, both in turn against one server in this process.
//
//	go test ./saltoks -run '^$' -bench CPUAgainstByHand -benchtime 40x
func BenchmarkCPUAgainstByHand(b *testing.B) {
	url := benchServer(b, 1000, 100)
	c, h, fresh := benchClient(b, url), handClient(b, url, false), handClient(b, url, true)
	otp := saltoks.NewOTP("a1b2c")
	for _, pair := range []struct {
		name        string
		calls       int
		ours, hands func() error
	}{
		{"get", 200, func() error { _, err := c.Locks.Get(b.Context(), "s", "l"); return err }, func() error {
			var l saltoks.Lock
			return h.do(b.Context(), "GET", "/v1.2/sites/s/locks/l", nil, &l)
		}},
		{"unlock", 100, func() error { return c.Raw().SetLockState(b.Context(), "s", "l", saltoks.Unlocked, otp, nil) }, func() error {
			in := map[string]string{"locked_state": "unlocked", "otp": "a1b2c"}
			return fresh.do(b.Context(), "PATCH", "/v1.2/sites/s/locks/l/locking", in, nil)
		}},
		{"list", 5, func() error {
			for _, err := range c.Locks.All(b.Context(), "s") {
				if err != nil {
					return err
				}
			}
			return nil
		}, func() error { return h.locks(b.Context(), func([]saltoks.Lock) {}) }},
	} {
		b.Run(pair.name, func(b *testing.B) {
			var ratios []float64
			for b.Loop() {
				ours := cpuTime(b, pair.calls, pair.ours)
				hands := cpuTime(b, pair.calls, pair.hands)
				hands += cpuTime(b, pair.calls, pair.hands)
				ours += cpuTime(b, pair.calls, pair.ours)
				ratios = append(ratios, float64(ours)/float64(hands))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "cpu-ratio")
		})
	}
}

func cpuTime(b *testing.B, calls int, f func() error) time.Duration {
	now := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begin := now()
	for range calls {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	return now() - begin
}
