package gate_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// TestOneProcessFollows: a job that follows runs in one process at a time. Another
// process takes over from one that was frozen, which ends its run when it is back.
func TestOneProcessFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		first, frozen := b.deadProcess()
		var one, two, polls atomic.Int32
		follow := func(now *atomic.Int32) []gate.Job {
			return []gate.Job{{
				Name: "mine", Every: time.Minute,
				Run: func(context.Context) error { polls.Add(1); return nil },
				Follow: func(ctx context.Context) error {
					now.Add(1)
					defer now.Add(-1)
					<-ctx.Done()
					return ctx.Err()
				},
			}}
		}
		runners := []*gate.Runner{b.runner(gate.RunnerConfig{Gate: frozen, Jobs: follow(&one)}), b.runner(gate.RunnerConfig{Jobs: follow(&two)})}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, r := range runners {
			all.Go(func() { r.Run(ctx) })
			synctest.Wait()
		}
		want := func(when string, first, second int32) {
			t.Helper()
			synctest.Wait()
			if one.Load() != first || two.Load() != second {
				t.Errorf("%s: %d and %d follow, want %d and %d", when, one.Load(), two.Load(), first, second)
			}
		}
		time.Sleep(2 * time.Hour) // longer than a run may take
		want("at the beginning", 1, 0)
		first.dead.Store(true)
		time.Sleep(3 * time.Minute)
		want("while the first is frozen", 1, 1)
		first.dead.Store(false)
		time.Sleep(3 * time.Minute)
		want("when it is back", 0, 1)
		if err := runners[0].RunOnce(t.Context()); err != nil || polls.Load() != 0 {
			t.Errorf("RunOnce while another process follows: %d runs, %v", polls.Load(), err)
		}
		stop()
		all.Wait()
		want("at the end", 0, 0)
		if err := runners[0].RunOnce(t.Context()); err != nil || polls.Load() != 1 {
			t.Errorf("RunOnce: %d runs, %v", polls.Load(), err)
		}
	})
}
