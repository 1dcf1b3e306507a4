package gate

import (
	"cmp"
	"context"
	"errors"
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
	runs   *sync.WaitGroup
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
		_, _ = p.newJobs(p.kind) // they are of the pass
		return p.run(ctx, turn, p.jobsOf(p.kind, p.start))
	}
	if p.kind.each {
		_, err := run(ctx)
		return err
	}
	t := turn{jobs[0].gate.c.Records, p.name(), fmt.Sprintf("jobs %s %v", p.kind.name, p.kind.every), p.kind.every}
	began := time.Now()
	held, err := t.take(ctx, false, run)
	if err != nil && !held && ctx.Err() == nil {
		report(ctx, jobs, began, err)
	}
	return err
}

// runNew runs the jobs of sites that are added, until ctx ends.
func (p pass) runNew(ctx context.Context, jobs []siteJob) {
	p.spread, p.first = false, true
	for ctx.Err() == nil {
		if len(jobs) > 0 {
			_, _ = p.run(ctx, ctx, jobs) // which reports the error
		}
		var change <-chan struct{}
		if jobs, change = p.newJobs(p.kind); len(jobs) == 0 {
			select {
			case <-ctx.Done():
			case <-change:
			}
		}
	}
}

func report(ctx context.Context, jobs []siteJob, began time.Time, err error) {
	for _, j := range jobs {
		j.report(ctx, j.job, began, err)
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
			report(ctx, jobs, began, err)
		}
		return true, err
	}
	searched := time.Since(began)
	every := min(p.kind.every, pollEvery)
	slots, results := make(chan struct{}, cmp.Or(max(p.AtOnce, 0), 32)), make(chan error, len(work))
	running := 0
	var failed []error
	for _, j := range work {
		ok, err := p.ready(turn, began, every, j, slots)
		if err != nil {
			soon = true
			if ctx.Err() != nil || turn.Err() == nil { // to lose the lease is no failure
				failed = append(failed, err)
			}
			break
		}
		if !ok {
			continue
		}
		runCtx, stop := context.WithCancel(ctx)
		if !j.begin(stop) {
			stop()
			<-slots
			continue
		}
		running++
		p.runs.Go(func() {
			err := j.do(runCtx, p.first)
			j.end()
			<-slots
			results <- err
		})
	}
	report(ctx, idle, time.Now().Add(-searched), nil)
	limit := time.After(max(every-time.Since(began), every/10))
	for range running {
		select {
		case err := <-results:
			failed = append(failed, err)
		case <-limit: // the other sites have their next turn meanwhile
			return soon, errors.Join(failed...)
		}
	}
	return soon, errors.Join(failed...)
}

// ready waits until a site's job may begin: its offset, PerSecond, and then one of the
// slots. It returns false if the job may not begin.
func (p pass) ready(ctx context.Context, began time.Time, every time.Duration, j siteJob, slots chan<- struct{}) (ok bool, err error) {
	if p.kind.work == "" {
		if p.spread { // over nine tenths, so that the next pass begins on time
			at := time.Duration(j.after(p.start) * 0.9 * float64(every))
			select {
			case <-ctx.Done():
			case <-time.After(at - time.Since(began)):
			}
		}
		if j.busy() {
			return false, nil
		}
		if err := p.wait(ctx); err != nil {
			return false, err
		}
	}
	select {
	case slots <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// due divides the jobs into those whose sites have work and the others.
func (p pass) due(ctx context.Context, jobs []siteJob) (work, idle []siteJob, err error) {
	finder, ok := jobs[0].gate.c.Records.(storage.ManySites)
	if p.kind.work == "" || p.first || !ok {
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
	var list []string
	if err := contain("Records", func() (err error) { list, err = finder.Due(ctx, q); return err }); err != nil {
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
	return true
}

func (j siteJob) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[j.job.Name]()
	delete(j.running, j.job.Name)
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
