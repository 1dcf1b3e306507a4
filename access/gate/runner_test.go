package gate_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// jobCounter counts the runs of jobs, and what they reported last.
type jobCounter struct {
	mu   sync.Mutex
	runs map[string]int
	last map[string]gate.Event
}

func (c *jobCounter) Observe(_ context.Context, e gate.Event) {
	if e.Kind != gate.JobCompleted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs == nil {
		c.runs, c.last = map[string]int{}, map[string]gate.Event{}
	}
	c.runs[e.Job]++
	c.last[e.Job] = e
}

func (c *jobCounter) count(job string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[job]
}

// wantRuns fails unless the jobs ran about as often as given: intervals differ by a
// tenth.
func (c *jobCounter) wantRuns(t *testing.T, want map[string]int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for job, n := range c.runs {
		if _, ok := want[job]; !ok {
			t.Errorf("%s ran %d times, want never", job, n)
		}
	}
	for job, n := range want {
		if got := c.runs[job]; got < n-n/9-1 || got > n+n/9+1 {
			t.Errorf("%s ran %d times, want about %d", job, got, n)
		}
	}
}

func (b *fixture) runner(c gate.RunnerConfig) *gate.Runner {
	b.Helper()
	if c.Gate == nil {
		c.Gate = b.gate
	}
	r, err := gate.NewRunner(c)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// runFor runs runners for a time, as processes of a host.
func runFor(t *testing.T, d time.Duration, runners ...*gate.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range runners {
		all.Go(func() { r.Run(ctx) })
	}
	all.Wait()
}

func TestRunnerRunsEachJobAtItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen jobCounter
		b := setup(t, func(c *gate.Config) { c.Observer = &seen })
		var mine atomic.Int32
		r := b.runner(gate.RunnerConfig{
			Vendor: &vendorLog{}, KeepLog: time.Hour, Every: map[string]time.Duration{"close_office_mode": 10 * time.Minute, "prune": -1},
			Jobs: []gate.Job{
				{Name: "mine", Every: time.Hour, Run: func(context.Context) error { mine.Add(1); return nil }},
				{Name: "each", Every: time.Hour, EachProcess: true, Run: func(context.Context) error { return nil }},
			},
		})
		runFor(t, 25*time.Hour, r)
		seen.wantRuns(t, map[string]int{"recover": 25 * 60, "ingest": 25 * 60, "close_office_mode": 25 * 6, "retain": 2, "verify": 2,
			"mine": 25, "each": 25})
		if int(mine.Load()) != seen.count("mine") {
			t.Errorf("%d runs, %d reported", mine.Load(), seen.count("mine"))
		}
		e := seen.last["mine"]
		if e.Site != site || e.Err != nil || e.At.IsZero() || !e.Next.Equal(e.At.Add(time.Hour)) {
			t.Errorf("event %+v", e)
		}
	})
}

// TestRunnerDoesTheWork checks what the jobs have done, not only that they ran.
func TestRunnerDoesTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		unsure, office := b.tap("ada", "front"), b.tap("ada", "office")
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.want(b.unlock(unsure), gate.Unconfirmed, gate.CauseNoAnswer)
		b.driver.move = nil
		if _, err := b.gate.StartOfficeMode(t.Context(), office); err != nil {
			t.Fatal(err)
		}
		b.faults.set("Settle", down, nil) // as if the process ended while it was sending
		lost := b.tap("ada", "office")
		if r := b.unlock(lost); r.Recorded {
			t.Fatal("recorded")
		}
		b.faults.set("Settle", nil, nil)
		log := &vendorLog{}
		log.add("l1", access.Unlock, "us", time.Now())
		if err := b.store.DeleteGrant(t.Context(), site, "ada-office"); err != nil {
			t.Fatal(err)
		}
		r := b.runner(gate.RunnerConfig{Vendor: log, KeepLog: 24 * time.Hour})
		runFor(t, 2*time.Minute, r)
		if receipt, err := b.gate.Receipt(t.Context(), "ada", unsure.RequestID); err != nil || receipt.Outcome != gate.Accepted {
			t.Errorf("ingest: %s, %v", receipt.Outcome, err)
		}
		if receipt, err := b.gate.Receipt(t.Context(), "ada", lost.RequestID); err != nil || receipt.Cause != gate.CauseInterrupted {
			t.Errorf("recover: %s, %s, %v", receipt.Outcome, receipt.Cause, err)
		}
		if holds, err := b.gate.Holds(t.Context()); err != nil || len(holds) != 0 {
			t.Errorf("close_office_mode: %v, %v", holds, err)
		}
		rows := len(b.log())
		time.Sleep(gate.KeepReceipts)
		runFor(t, time.Minute, r)
		if _, err := b.gate.Receipt(t.Context(), "ada", unsure.RequestID); !errors.Is(err, gate.ErrNotFound) {
			t.Errorf("prune: %v", err)
		}
		if got := len(b.log()); got >= rows {
			t.Errorf("retain: %d rows, were %d", got, rows)
		}
	})
}

// TestRunnersDivideTheWork: each job runs once per interval however many processes there
// are, never twice at the same time, and continues when one of them ends.
func TestRunnersDivideTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen jobCounter
		var running, overlaps atomic.Int32
		b := setup(t, func(c *gate.Config) { c.Observer = &seen })
		job := gate.Job{Name: "long", Every: time.Minute, Run: func(ctx context.Context) error {
			if running.Add(1) > 1 {
				overlaps.Add(1)
			}
			defer running.Add(-1)
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Minute): // longer than its interval and its lease
			}
			return nil
		}}
		each := gate.Job{Name: "each", Every: time.Minute, EachProcess: true, Run: func(context.Context) error { return nil }}
		config := gate.RunnerConfig{Jobs: []gate.Job{job, each}}
		runFor(t, time.Hour, b.runner(config), b.runner(config), b.runner(config), b.runner(config))
		seen.wantRuns(t, map[string]int{"recover": 60, "close_office_mode": 60, "prune": 1, "verify": 1, "long": 12, "each": 4 * 60})
		if overlaps.Load() != 0 {
			t.Errorf("%d runs at the same time", overlaps.Load())
		}
	})
}

// deadProcess is the storage of a process that was killed or frozen: it acquires no
// lease.
type deadProcess struct {
	*faults
	dead atomic.Bool
}

func (d *deadProcess) AcquireLease(ctx context.Context, site, name, holder string, t time.Duration) (bool, error) {
	if d.dead.Load() {
		return false, errDown
	}
	return d.faults.AcquireLease(ctx, site, name, holder, t)
}

// deadProcess returns a process that can die, and its gate.
func (b *fixture) deadProcess() (*deadProcess, *gate.Gate) {
	b.Helper()
	p := &deadProcess{faults: b.faults}
	config := b.config
	config.Records = p
	g, err := gate.New(config)
	if err != nil {
		b.Fatal(err)
	}
	return p, g
}

func TestRunnerTakesOverFromADeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		first, old := b.deadProcess()
		thaw := make(chan struct{})
		var runs atomic.Int32
		work := func(frozen bool) []gate.Job {
			return []gate.Job{{Name: "mine", Every: time.Minute, Run: func(context.Context) error {
				runs.Add(1)
				if frozen {
					first.dead.Store(true)
					<-thaw
				}
				return nil
			}}}
		}
		one, two := b.runner(gate.RunnerConfig{Gate: old, Jobs: work(true)}), b.runner(gate.RunnerConfig{Jobs: work(false)})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { one.Run(ctx) })
		synctest.Wait()
		if runs.Load() != 1 {
			t.Fatalf("%d runs in the first process", runs.Load())
		}
		all.Go(func() { two.Run(ctx) })
		time.Sleep(50 * time.Second)
		if runs.Load() != 1 {
			t.Errorf("the second process began before the lease was over: %d runs", runs.Load())
		}
		time.Sleep(90 * time.Second)
		if got := runs.Load(); got < 2 || got > 3 {
			t.Errorf("%d runs after the first process died, want 2 or 3", got)
		}
		// A frozen process ends its run late, which has no effect.
		first.dead.Store(false)
		close(thaw)
		time.Sleep(time.Hour)
		if got := int(runs.Load()); got < 50 || got > 70 {
			t.Errorf("%d runs within an hour", got)
		}
		stop()
		all.Wait()
	})
}

// TestRunnerContainsFailingJobs: a panic, an error and a job that hangs stop no other
// job. The program's log has the beginning and the end of a failure.
func TestRunnerContainsFailingJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var seen jobCounter
		b := setup(t, func(c *gate.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				switch a.Key {
				case slog.TimeKey, "stack", "took", "next":
					return slog.Attr{}
				}
				return a
			}}))
			c.Observer = &seen
		})
		var broken atomic.Bool
		broken.Store(true)
		r := b.runner(gate.RunnerConfig{Jobs: []gate.Job{
			{Name: "panics", Every: time.Hour, Run: func(context.Context) error { panic("planted") }},
			{Name: "hangs", Every: 24 * time.Hour, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			{Name: "fails", Every: time.Minute, Run: func(context.Context) error {
				if broken.Load() {
					return errDown
				}
				return nil
			}},
		}})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { r.Run(ctx) })
		time.Sleep(45 * time.Minute)
		broken.Store(false)
		time.Sleep(15*time.Minute - time.Second)
		stop()
		all.Wait()
		seen.wantRuns(t, map[string]int{"recover": 60, "close_office_mode": 60, "prune": 1, "verify": 1, "panics": 1, "hangs": 1, "fails": 60})
		if !errors.Is(seen.last["hangs"].Err, context.DeadlineExceeded) {
			t.Errorf("hangs: %v", seen.last["hangs"].Err)
		}
		want := []string{
			`level=ERROR msg="gate: a job panicked" site=loft job=panics ` +
				`error="panic in the job panics (string): fix it; Stack shows where it happened"`,
			`level=INFO msg="gate: a job works again" site=loft job=fails`,
			`level=WARN msg="gate: a job fails" site=loft job=fails error="the disk is on fire: storage: unavailable"`,
			`level=WARN msg="gate: a job fails" site=loft job=hangs error="context deadline exceeded"`,
		}
		if diff := cmp.Diff(want, sortedLines(out.String())); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// TestRunnerStops: Run waits for the job that is running, but not for one that ignores
// its context.
func TestRunnerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		free := make(chan struct{})
		for name, c := range map[string]struct {
			run func(ctx context.Context) error
			max time.Duration
		}{
			"ends":                {func(ctx context.Context) error { <-ctx.Done(); time.Sleep(10 * time.Second); return nil }, 10 * time.Second},
			"ignores its context": {func(context.Context) error { <-free; return nil }, 40 * time.Second},
		} {
			ctx, stop := context.WithCancel(t.Context())
			time.AfterFunc(time.Minute, stop)
			began := time.Now()
			b.runner(gate.RunnerConfig{Jobs: []gate.Job{{Name: "mine", Every: time.Hour, EachProcess: true, Run: c.run}}}).Run(ctx)
			if took := time.Since(began) - time.Minute; took > c.max || took < c.max-10*time.Second {
				t.Errorf("%s: Run returned %v after its context ended, want %v", name, took, c.max)
			}
		}
		close(free)
		// A job that was stopped is due at once in another process.
		var runs atomic.Int32
		job := gate.Job{Name: "once", Every: 24 * time.Hour, Run: func(ctx context.Context) error { runs.Add(1); <-ctx.Done(); return nil }}
		runFor(t, time.Second, b.runner(gate.RunnerConfig{Jobs: []gate.Job{job}}))
		runFor(t, time.Second, b.runner(gate.RunnerConfig{Jobs: []gate.Job{job}}))
		if runs.Load() != 2 {
			t.Errorf("%d runs, want 2", runs.Load())
		}
	})
}

// TestRunOnce: a scheduler calls it every minute, in several processes.
func TestRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen jobCounter
		b := setup(t, func(c *gate.Config) { c.Observer = &seen })
		var failed error
		config := gate.RunnerConfig{Jobs: []gate.Job{{Name: "mine", Every: time.Minute, Run: func(context.Context) error { return failed }}}}
		for range 120 {
			for range 2 { // each call is another process
				if err := b.runner(config).RunOnce(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
		}
		seen.wantRuns(t, map[string]int{"recover": 120, "close_office_mode": 120, "prune": 1, "verify": 1, "mine": 120})
		failed = errDown
		if err := b.runner(config).RunOnce(t.Context()); !errors.Is(err, errDown) || !strings.HasPrefix(err.Error(), "mine: ") {
			t.Errorf("got %v, want the error with the job's name", err)
		}
	})
}

func TestNewRunnerNamesEveryFault(t *testing.T) {
	setup(t).runner(gate.RunnerConfig{OfficeMode: &gate.CloseRequest{Closing: new(time.Duration(0))}}) // midnight
	nothing := func(context.Context) error { return nil }
	_, err := gate.NewRunner(gate.RunnerConfig{
		KeepLog: -1, OfficeMode: &gate.CloseRequest{Closing: new(25 * time.Hour)},
		Jobs: []gate.Job{
			{Name: "A", Every: 1, Run: nothing}, {Name: "recover", Every: 1, Run: nothing}, {Name: "c"}, {Name: "d", Every: -1, Run: nothing},
		},
		Every: map[string]time.Duration{"recovery": time.Minute},
	})
	var config *gate.ConfigError
	if !errors.As(err, &config) {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range config.Faults {
		fields = append(fields, f.Field)
	}
	want := []string{
		"Gate", "KeepLog", "OfficeMode.Closing", "Jobs[0].Name", "Jobs[1].Name", "Jobs[2].Every", "Jobs[2].Run", `Every["recovery"]`,
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s\n%v", diff, err)
	}
}

// TestRunnerWithoutStorage: while the storage is unavailable no job runs, and each is
// reported as failed.
func TestRunnerWithoutStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen jobCounter
		b := setup(t)
		gone := &deadProcess{faults: b.faults}
		gone.dead.Store(true)
		config := b.config
		config.Records, config.Observer = gone, &seen
		g, err := gate.New(config)
		if err != nil {
			t.Fatal(err)
		}
		var runs atomic.Int32
		r := b.runner(gate.RunnerConfig{Gate: g, Jobs: []gate.Job{
			{Name: "mine", Every: time.Minute, Run: func(context.Context) error { runs.Add(1); return nil }},
		}})
		if err := r.RunOnce(t.Context()); !errors.Is(err, gate.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if runs.Load() != 0 || !errors.Is(seen.last["mine"].Err, gate.ErrUnavailable) {
			t.Errorf("%d runs, reported %v", runs.Load(), seen.last["mine"].Err)
		}
	})
}

func sortedLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	slices.Sort(lines)
	return lines
}
