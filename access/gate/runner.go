package gate

import (
	"cmp"
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Job is periodic work of a Runner. It must be safe to run twice at the same time: a
// process that was frozen continues its run although another process has begun one, and
// with Runners so does a run that takes longer than the interval.
type Job struct {
	// Name is unique: 1 to 50 lower-case letters, digits and underscores, a letter
	// first.
	Name string
	// Every is the time from the start of one run to the start of the next one, in all
	// processes together. Up to a tenth is added or subtracted.
	Every time.Duration
	// EachProcess makes every process run it, for what a process keeps in memory.
	EachProcess bool
	// Run does the work and returns soon after ctx ends. A panic in it is contained.
	Run func(ctx context.Context) error
	// Follow, if it is set, replaces Run in Runner.Run: it does the work continuously,
	// and returns when ctx ends or it fails. One process at a time calls it. After it
	// returns, it is called again after Every, in this process or another one.
	Follow func(ctx context.Context) error

	// work is how Runners finds the sites that have this work, which is age old; empty for
	// a job that each site has.
	work storage.Work
	age  time.Duration
}

// RunnerConfig configures a Runner. Gate is required.
//
// The jobs of a Runner, with their intervals:
//
//	recover            1 min   Gate.Recover
//	close_office_mode  1 min   Gate.CloseOfficeMode; fails if a door could not be locked
//	ingest             1 min   Gate.Ingest, with a VendorReader; with a VendorFollower,
//	                           Run calls Gate.Follow
//	verify             24 h    storage.VerifyNew; fails if the door log was changed
//	prune              24 h    Gate.Prune
//	retain             24 h    Gate.Retain, with KeepLog
type RunnerConfig struct {
	Gate *Gate
	// Vendor is the lock system's own log; nil for none.
	Vendor VendorReader
	// OfficeMode selects the doors to lock; nil is CloseRequest{RightEnded: true}.
	OfficeMode *CloseRequest
	// KeepLog is how long the door log and the ingested entries of Vendor are kept; 0
	// keeps them forever.
	KeepLog time.Duration
	// Jobs are further jobs.
	Jobs []Job
	// Every replaces the interval of the jobs that it names. 0 keeps the default, a
	// negative interval turns the job off.
	Every map[string]time.Duration
}

// Runner runs the periodic jobs of a site. Each process of a host has one: they divide
// the work by leases in the storage, so that each job runs once per interval, and the
// others continue when a process ends. A Runner reports each run to the Observer of the
// Gate (JobCompleted), and to its Logger when a job begins to fail and when it works
// again. Make one with NewRunner; it is safe for concurrent use.
//
// A process with hundreds of sites gives their Runners to a Runners.
type Runner struct {
	gate    *Gate
	jobs    []Job
	mu      sync.Mutex
	failing map[string]bool
}

const (
	// jobLease is how long a process that died delays a job that it was running.
	jobLease = time.Minute
	// pollEvery is the longest time between two attempts to acquire the lease of a job.
	pollEvery = 10 * time.Minute
	// jobWithin ends a run that hangs.
	jobWithin = 30 * time.Minute
	// stopWithin is how long Run waits for jobs after its context ended. A command that
	// was claimed is finished within it.
	stopWithin = staleAfter + WriteWithin
)

// NewRunner returns a Runner, or a *ConfigError that names every fault.
func NewRunner(c RunnerConfig) (*Runner, error) {
	var f faultList
	f.add(c.Gate == nil, "Gate", "required")
	f.add(c.KeepLog < 0, "KeepLog", "must not be negative")
	if m := c.OfficeMode; m != nil && m.Closing != nil {
		f.add(*m.Closing < 0 || *m.Closing >= 24*time.Hour, "OfficeMode.Closing", badTimeOfDay)
	}
	r := &Runner{gate: c.Gate, failing: map[string]bool{}}
	seen := map[string]bool{}
	for i, j := range slices.Concat(c.gateJobs(), c.Jobs) {
		every := cmp.Or(c.Every[j.Name], j.Every)
		if n := i - len(c.gateJobs()); n >= 0 {
			at := fmt.Sprintf("Jobs[%d].", n)
			f.add(!goodCode(j.Name), at+"Name", badCode)
			f.add(seen[j.Name], at+"Name", "is used twice")
			f.add(every == 0, at+"Every", "required")
			f.add(j.Run == nil, at+"Run", "required")
		}
		seen[j.Name] = true
		if j.Every = every; every > 0 {
			r.jobs = append(r.jobs, j)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Every)) {
		f.add(!seen[name], fmt.Sprintf("Every[%q]", name), "there is no such job")
	}
	if f != nil {
		return nil, &ConfigError{f}
	}
	return r, nil
}

// gateJobs returns the jobs of the gate.
func (c *RunnerConfig) gateJobs() []Job {
	g := c.Gate
	jobs := []Job{
		{Name: "recover", Every: time.Minute, work: storage.WorkRecover, age: staleAfter,
			Run: func(ctx context.Context) error { _, err := g.Recover(ctx); return err }},
		{Name: "close_office_mode", Every: time.Minute, work: storage.WorkHolds,
			Run: func(ctx context.Context) error { return g.closeJob(ctx, c.OfficeMode) }},
		{Name: "verify", Every: 24 * time.Hour, work: storage.WorkVerify,
			Run: func(ctx context.Context) error { _, err := g.verifyNew(ctx); return err }},
		{Name: "prune", Every: 24 * time.Hour, work: storage.WorkPrune, age: KeepReceipts,
			Run: func(ctx context.Context) error { _, err := g.Prune(ctx); return err }},
	}
	if vendor := c.Vendor; !isNil(vendor) {
		ingest := Job{Name: "ingest", Every: time.Minute, Run: func(ctx context.Context) error { _, err := g.Ingest(ctx, vendor); return err }}
		if follower, ok := vendor.(VendorFollower); ok {
			ingest.Follow = func(ctx context.Context) error { return g.Follow(ctx, follower) }
		}
		jobs = append(jobs, ingest)
	}
	if keep := c.KeepLog; keep > 0 {
		jobs = append(jobs, Job{Name: "retain", Every: 24 * time.Hour, work: storage.WorkRetain, age: keep, Run: func(ctx context.Context) error {
			_, _, err := g.Retain(ctx, g.clock().Add(-keep))
			return err
		}})
	}
	return jobs
}

// closeJob fails if a door that should be locked is not: a person has to check it.
func (g *Gate) closeJob(ctx context.Context, s *CloseRequest) error {
	if s == nil {
		s = &CloseRequest{RightEnded: true}
	}
	results, err := g.CloseOfficeMode(ctx, *s)
	var open []string
	for _, c := range results {
		if c.Receipt.Outcome != Accepted && !slices.Contains(open, c.Hold.Door) {
			open = append(open, c.Hold.Door)
		}
	}
	if open != nil {
		err = errors.Join(err, fmt.Errorf("gate: doors in office mode that could not be locked: %s", strings.Join(open, ", ")))
	}
	return err
}

// Run runs the jobs, each at once and then at its interval, until ctx ends. It returns
// when the jobs that are running have ended, at most 40 seconds later.
func (r *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, j := range r.jobs {
		all.Go(func() { r.loop(ctx, j) })
	}
	<-ctx.Done()
	r.leave(context.WithoutCancel(ctx), all.Wait)
}

// leave waits for the runs in progress, and lets another process report problems at once.
func (r *Runner) leave(ctx context.Context, wait func()) {
	if !returns(wait) {
		r.gate.c.Logger.ErrorContext(ctx, "gate: a job did not end after its context", "site", r.gate.c.Site)
	}
	_, _ = r.gate.lead(ctx, 0)
}

// returns reports whether wait returns within stopWithin.
func returns(wait func()) bool {
	ended := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() { wait(); close(ended) })
	select {
	case <-ended:
		return true
	case <-time.After(stopWithin):
		return false
	}
}

// loop runs a job until ctx ends.
func (r *Runner) loop(ctx context.Context, j Job) {
	repeat(ctx, j.kind(), func() (spent time.Duration) {
		_ = r.try(ctx, j, j.Follow) // try reports the error
		return 0
	})
}

// repeat calls run until ctx ends. The first pause is random, so that not all jobs of all
// sites are due in the same process at the same moment. It is shorter by what run returns.
func repeat(ctx context.Context, k jobKind, run func() (spent time.Duration)) {
	every := k.every
	if !k.each {
		every = min(every, pollEvery)
	}
	for pause := rand.Float64(); ctx.Err() == nil; pause = 0.95 + rand.Float64()/10 {
		sleep(ctx, -run()+time.Duration(pause*float64(every)))
	}
}

// sleep waits until d has passed or ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// RunOnce runs each job that is due, one after the other, for a host with a scheduler
// of its own: call it every minute. A job is due if no process ran it within its
// interval. The error joins those of the jobs.
func (r *Runner) RunOnce(ctx context.Context) error {
	var failed []error
	for _, j := range r.jobs {
		if err := r.try(ctx, j, nil); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", j.Name, err))
		}
	}
	return errors.Join(failed...)
}

// try runs a job if it is due: follow, or else j.Run.
func (r *Runner) try(ctx context.Context, j Job, follow func(context.Context) error) error {
	if j.EachProcess {
		return r.run(ctx, j, follow)
	}
	l := lease{r.gate.c.Records, r.gate.c.Site, "job " + j.Name, j.Every}
	began := time.Now()
	held, err := l.take(ctx, follow != nil, func(turn context.Context) (soon bool, err error) {
		if follow == nil { // it continues without the lease: a Run may run twice
			turn = ctx
		}
		return false, r.run(turn, j, follow)
	})
	if err != nil && !held && ctx.Err() == nil {
		r.report(ctx, j, began, err)
	}
	return err
}

// lease is the right to run a job, which one process at a time has.
type lease struct {
	records    storage.Records
	site, name string
	every      time.Duration
}

// take runs work if the job is due and no other process has its lease; otherwise held is
// false. The context of work ends when another process has the lease. If work returns
// soon, it is due again within pollEvery.
func (l lease) take(ctx context.Context, continuous bool, work func(context.Context) (soon bool, err error)) (held bool, err error) {
	holder := cryptorand.Text()
	if held, err = l.acquire(ctx, holder, jobLease); err != nil || !held {
		return false, err
	}
	began := time.Now()
	runCtx, stop := context.WithCancel(ctx)
	var renewal sync.WaitGroup
	renewal.Go(func() {
		for {
			select {
			case <-runCtx.Done():
				return
			case <-time.After(jobLease / 3):
				if held, err := l.acquire(runCtx, holder, jobLease); err == nil && !held {
					stop()
				}
			}
		}
	})
	soon, err := work(runCtx)
	stop()
	renewal.Wait()
	every := l.every
	if soon {
		every = min(every, pollEvery)
	}
	// The lease outlasts most of the interval, so that no process runs the job before it
	// is due. A run that was stopped, and continuous work, are due at once.
	left := max(0, every-min(every, pollEvery)/10-time.Since(began))
	if ctx.Err() != nil || continuous {
		left = 0
	}
	_, endErr := l.acquire(context.WithoutCancel(ctx), holder, left)
	return true, errors.Join(err, endErr)
}

// acquire acquires, renews or ends the lease.
func (l lease) acquire(ctx context.Context, holder string, d time.Duration) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, WriteWithin)
	defer cancel()
	return containValue("Records", func() (bool, error) { return l.records.AcquireLease(ctx, l.site, l.name, holder, d) })
}

// run runs a job and reports it.
func (r *Runner) run(ctx context.Context, j Job, follow func(context.Context) error) error {
	began, work := time.Now(), follow
	if follow == nil {
		work = func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, jobWithin)
			defer cancel()
			return j.Run(ctx)
		}
	}
	err := contain("the job "+j.Name, func() error { return work(ctx) })
	if ctx.Err() == nil { // a run that was stopped is no failure
		r.report(ctx, j, began, err)
	}
	return err
}

// report reports a run to the Observer, and to the Logger. It logs above the debug level
// only when a job begins to fail, and when it works again.
func (r *Runner) report(ctx context.Context, j Job, began time.Time, err error) {
	r.mu.Lock()
	was := r.failing[j.Name]
	r.failing[j.Name] = err != nil
	r.mu.Unlock()
	now, took := r.gate.clock(), time.Since(began)
	next := now.Add(max(j.Every-took, 0))
	l := r.gate.c.Logger
	if err != nil || was || l.Enabled(ctx, slog.LevelDebug) {
		l = l.With("site", r.gate.c.Site, "job", j.Name, "took", took, "next", next)
	}
	switch p, panicked := errors.AsType[*PanicError](err); {
	case panicked && !was:
		l.ErrorContext(ctx, "gate: a job panicked", "error", err, "stack", string(p.Stack))
	case err != nil && !was:
		l.WarnContext(ctx, "gate: a job fails", "error", err)
	case err == nil && was:
		l.InfoContext(ctx, "gate: a job works again")
	default:
		l.DebugContext(ctx, "gate: a job ended", "error", err)
	}
	r.gate.observe(ctx, Event{Kind: JobCompleted, Site: r.gate.c.Site, At: now, Job: j.Name, Took: took, Next: next, Err: err})
}
