package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// pass does one kind of job at all sites.
type pass struct {
	*Runners
	kind   jobKind
	start  float64 // the offset of the first site
	spread bool    // over the interval, or else as fast as PerSecond allows
	first  bool    // at sites that were added: under the lease of a Runner, as no pass had them
	slots  chan struct{}
	runs   *sync.WaitGroup // they may outlast the pass
	fail   func(error)     // receives the errors of the runs, which are reported already
}

// findWithin is how long the search for sites with work may take.
const findWithin = time.Minute

// try makes a pass if it is due.
func (p pass) try(ctx context.Context) error {
	jobs := p.jobsOf(p.kind, p.start)
	if len(jobs) == 0 {
		return nil
	}
	run := func(turn context.Context) (soon bool, err error) {
		_, _ = p.newJobs(p.kind) // the pass has them
		return p.run(ctx, turn, p.jobsOf(p.kind, p.start))
	}
	if p.kind.each {
		_, err := run(ctx)
		return err
	}
	name := fmt.Sprintf("jobs %s %v work=%s", p.kind.name, p.kind.every, p.kind.work)
	l := lease{jobs[0].gate.c.Records, p.name(), name, p.kind.every}
	began := time.Now()
	held, err := l.take(ctx, false, run)
	if err != nil && !held && ctx.Err() == nil {
		report(ctx, jobs, time.Since(began), err)
	}
	return err
}

// welcome runs the job at sites that are added, beginning with jobs, until ctx ends.
func (p pass) welcome(ctx context.Context, jobs []siteJob) {
	for ctx.Err() == nil {
		p.runAdded(ctx, jobs)
		var change <-chan struct{}
		if jobs, change = p.newJobs(p.kind); len(jobs) == 0 {
			select {
			case <-ctx.Done():
			case <-change:
			}
		}
	}
}

// runAdded begins the jobs at sites that were added. It does not search for those with
// work: that is for thousands of sites.
func (p pass) runAdded(ctx context.Context, jobs []siteJob) {
	p.spread, p.first = false, true
	_, err := p.begin(ctx, ctx, time.Now(), jobs)
	p.fail(err)
}

func report(ctx context.Context, jobs []siteJob, took time.Duration, err error) {
	for _, j := range jobs {
		j.report(ctx, j.job, time.Now().Add(-took), err)
	}
}

// run runs the jobs of the sites that have work. It begins none after turn has ended; the
// runs have ctx, because those that take long outlast the turn. It returns soon if sites
// were left out.
func (p pass) run(ctx, turn context.Context, jobs []siteJob) (soon bool, err error) {
	began := time.Now()
	work, idle, err := p.due(turn, jobs)
	if err != nil {
		if turn.Err() == nil {
			report(ctx, jobs, time.Since(began), err)
		}
		return true, err
	}
	searched := time.Since(began)
	ended, err := p.begin(ctx, turn, began, work)
	report(ctx, idle, searched, nil)
	every := min(p.kind.every, pollEvery)
	select {
	case <-ended:
	case <-time.After(max(every-time.Since(began), every/10)): // the other sites have their next turn meanwhile
	}
	return err != nil || turn.Err() != nil, err
}

// begin begins the jobs, each as soon as it may and none after turn has ended. It returns a
// channel that is closed when the runs have ended.
func (p pass) begin(ctx, turn context.Context, began time.Time, jobs []siteJob) (ended <-chan struct{}, err error) {
	var running sync.WaitGroup
	every := min(p.kind.every, pollEvery)
	for _, j := range jobs {
		var ok bool
		if ok, err = p.ready(turn, began, every, j); err != nil {
			break
		}
		runCtx, stop := context.WithCancel(ctx)
		if ok && !j.begin(stop) {
			<-p.slots
			ok = false
		}
		if !ok {
			stop()
			continue
		}
		release := sync.OnceFunc(func() { <-p.slots })
		late := time.AfterFunc(every, release) // a few sites that hang do not stop the others
		running.Add(1)
		p.runs.Go(func() {
			defer running.Done()
			p.fail(j.do(runCtx, p.first))
			j.end()
			late.Stop()
			release()
		})
	}
	if err != nil && ctx.Err() == nil && turn.Err() != nil {
		err = nil // to lose the lease is no failure
	}
	all := make(chan struct{})
	p.runs.Go(func() { running.Wait(); close(all) })
	return all, err
}

// ready waits until a site's job may begin: its offset, PerSecond, and then one of the
// slots. It returns false if the job is busy.
func (p pass) ready(ctx context.Context, began time.Time, every time.Duration, j siteJob) (ok bool, err error) {
	if p.kind.work == "" && p.spread { // over nine tenths, so that the next pass begins on time
		sleep(ctx, time.Duration(j.after(p.start)*0.9*float64(every))-time.Since(began))
	}
	if j.busy() {
		return false, nil
	}
	if p.kind.work == "" {
		if err := p.wait(ctx); err != nil {
			return false, err
		}
	}
	select {
	case p.slots <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// due divides the jobs into those whose sites have work and the others.
func (p pass) due(ctx context.Context, jobs []siteJob) (work, idle []siteJob, err error) {
	finder, ok := jobs[0].gate.c.Records.(storage.ManySites)
	if p.kind.work == "" || !ok {
		return jobs, nil, nil
	}
	q := storage.DueQuery{Work: p.kind.work, Sites: make([]string, len(jobs))}
	for i, j := range jobs {
		q.Sites[i] = j.gate.c.Site
		if before := j.gate.clock().Add(-j.job.age); i == 0 || before.After(q.Before) {
			q.Before = before // sites may differ; the job of each uses its own
		}
	}
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	list, err := containValue("Records", func() ([]string, error) { return finder.Due(ctx, q) })
	if err != nil {
		return nil, nil, err
	}
	due := make(map[string]bool, len(list))
	for _, site := range list {
		due[site] = true
	}
	for _, j := range jobs {
		if due[j.gate.c.Site] {
			work = append(work, j)
		} else {
			idle = append(idle, j)
		}
	}
	return work, idle, nil
}

// busy reports whether the previous run of the job is still running, or the site was
// removed.
func (j siteJob) busy() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.removed || j.running[j.job.Name] != nil
}

// begin returns false if the job is busy. stop ends the run.
func (j siteJob) begin(stop context.CancelFunc) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.removed || j.running[j.job.Name] != nil {
		return false
	}
	j.running[j.job.Name] = stop
	j.runs.Add(1)
	return true
}

func (j siteJob) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[j.job.Name]()
	delete(j.running, j.job.Name)
	j.runs.Done()
}

// do runs the job, or with first if no process has run it at this site alone.
func (j siteJob) do(ctx context.Context, first bool) error {
	run := j.run
	if first {
		run = j.try
	}
	err := run(ctx, j.job, nil)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil || j.removed {
		return nil
	}
	return fmt.Errorf("%s: %w", j.gate.c.Site, err)
}
