package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Runners does the jobs of the Runners of many sites that share one storage. Each process
// of a host has one, and calls its Run once in place of each site's Runner.Run. One
// process at a time does a job for all sites, under one lease. If that process ends,
// another one continues. The zero value is ready to use; set its fields before the first
// call. It is safe for concurrent use.
//
// Before each run of the jobs recover, close_office_mode, verify, prune and retain it
// queries the storage once for the sites that have work (storage.ManySites), and runs the
// job only at those. Every other job runs at each site: spread over the interval, at most
// over 10 minutes; the site's name determines the offset. At most PerSecond of these runs
// start per second. With more sites than that allows, the interval of each site is longer:
// at 5 per second, one such job takes 34 minutes at 10,000 sites, and several jobs share
// the rate. Runners polls the lock system's own log, even if a Runner would follow it.
//
// All results are reported as those of a Runner, at each site, including those without
// work. An error of one site does not stop the others. A site whose job takes longer than
// the interval does not delay the others either: the lease ends before its run does, and
// meanwhile another process may begin a second run there.
type Runners struct {
	// Name distinguishes sets of sites on one storage. Processes with the same Name divide
	// the work and must have the same sites: if a process lacks a site, the site is not
	// served while that process does the job. Empty is "all sites".
	Name string
	// AtOnce is at how many sites this process runs one job at a time; 0 is 32. A run that
	// takes longer than the interval, or 10 minutes, no longer counts.
	AtOnce int
	// PerSecond is how many runs this process starts per second of ingest, Jobs and the
	// jobs of package saltolocks together. Each makes one or a few requests to the lock
	// system. 0 is 5, like the reads of a saltoks.Limiter.
	PerSecond float64

	mu    sync.Mutex
	sites map[string]*servedSite
	jobs  map[jobKind]*kindState
	added chan struct{} // closed by the next Add
	pace  *rate.Limiter
}

// kindState is the state of one kind of job.
type kindState struct {
	slots chan struct{} // of the runs that count for AtOnce; nil before the first pass
	added []siteJob     // since the first pass, that have not run
}

// servedSite is a site of a Runners.
type servedSite struct {
	*Runner
	offset  float64 // of its runs within an interval, from 0 to 1
	mu      sync.Mutex
	running map[string]context.CancelFunc // the jobs that are running
	runs    sync.WaitGroup
	removed bool
}

// siteJob is a job of one site.
type siteJob struct {
	*servedSite
	job Job
}

// jobKind identifies the jobs that run in one pass.
type jobKind struct {
	name  string
	every time.Duration
	each  bool
	work  storage.Work
}

func (j *Job) kind() jobKind { return jobKind{j.Name, j.Every, j.EachProcess, j.work} }

// Add adds a site. It may be called while Run is running: each job runs there soon, unless
// a Runner of the site ran it within its interval. A site that is added before the first
// call of Run or RunOnce is served at its own offset, which spreads the load: a daily job
// runs there within a day.
//
// The error is a *ConfigError if the site was added already, or if its Gate has another
// Config.Records than the other sites. The function that it returns removes the site, ends
// the runs that are in progress there, and returns when they have ended, at most 40 seconds
// later. A job must not call it.
func (s *Runners) Add(r *Runner) (remove func(), err error) {
	site := r.gate.c.Site
	s.mu.Lock()
	defer s.mu.Unlock()
	var f faultList
	f.add(s.sites[site] != nil, "Site", fmt.Sprintf("%q was added already", site))
	for _, other := range s.sites {
		f.add(!sameStorage(r.gate.c.Records, other.gate.c.Records), "Records", "must be those of all sites: use one Runners for each storage")
		break
	}
	if f != nil {
		return nil, &ConfigError{f}
	}
	sum := sha256.Sum256([]byte(site))
	added := &servedSite{Runner: r, offset: float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32), running: map[string]context.CancelFunc{}}
	if s.sites == nil {
		s.sites = map[string]*servedSite{}
	}
	s.sites[site] = added
	s.addJobs(added)
	if s.added != nil {
		close(s.added)
		s.added = nil
	}
	return func() {
		s.mu.Lock()
		if s.sites[site] == added {
			delete(s.sites, site)
		}
		s.mu.Unlock()
		added.remove()
	}, nil
}

// remove ends the runs in progress, and lets another process report problems at once.
func (s *servedSite) remove() {
	s.mu.Lock()
	s.removed = true
	for _, stop := range s.running {
		stop()
	}
	s.mu.Unlock()
	s.leave(context.Background(), s.runs.Wait)
}

// sameStorage reports whether a and b are known to be the same.
func sameStorage(a, b storage.Records) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// addJobs records the jobs of a site that is added. The caller holds s.mu.
func (s *Runners) addJobs(site *servedSite) {
	if s.jobs == nil {
		s.jobs = map[jobKind]*kindState{}
	}
	for _, j := range site.jobs {
		state := s.jobs[j.kind()]
		if state == nil {
			state = &kindState{}
			s.jobs[j.kind()] = state
		}
		if state.slots != nil {
			state.added = append(state.added, siteJob{site, j})
		}
	}
}

// change returns a channel that is closed by the next Add. The caller holds s.mu.
func (s *Runners) change() <-chan struct{} {
	if s.added == nil {
		s.added = make(chan struct{})
	}
	return s.added
}

// kinds returns the kinds of jobs that there are, and a channel that is closed by the next
// Add. Those that ask the storage for sites with work are quick, and come first.
func (s *Runners) kinds() ([]jobKind, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.jobs), func(a, b jobKind) int {
		if (a.work == "") != (b.work == "") {
			return cmp.Compare(b.work, a.work)
		}
		return cmp.Or(cmp.Compare(a.every, b.every), cmp.Compare(a.name, b.name))
	}), s.change()
}

// newJobs returns the jobs of a kind at the sites that were added since its first pass, each
// job once, and a channel that is closed by the next Add.
func (s *Runners) newJobs(k jobKind) ([]siteJob, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.jobs[k]
	added := state.added
	state.added = nil
	return added, s.change()
}

// pass returns the next pass over a kind of job. It begins with the site at offset start.
func (s *Runners) pass(k jobKind, start float64, runs *sync.WaitGroup) pass {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.jobs[k]
	if state.slots == nil {
		state.slots = make(chan struct{}, cmp.Or(max(s.AtOnce, 0), 32))
	}
	return pass{Runners: s, kind: k, start: start, slots: state.slots, runs: runs, fail: func(error) {}}
}

// list returns the sites.
func (s *Runners) list() []*servedSite {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sites))
}

// jobsOf returns the jobs of a kind in the order of their offsets, beginning at start.
func (s *Runners) jobsOf(k jobKind, start float64) []siteJob {
	var list []siteJob
	for _, site := range s.list() {
		for i := range site.jobs {
			if site.jobs[i].kind() == k {
				list = append(list, siteJob{site, site.jobs[i]})
			}
		}
	}
	slices.SortFunc(list, func(a, b siteJob) int { return cmp.Compare(a.after(start), b.after(start)) })
	return list
}

// after returns how long after start the site's offset is, from 0 to 1.
func (s *servedSite) after(start float64) float64 {
	return s.offset - start - math.Floor(s.offset-start)
}

// Run does the jobs until ctx ends. It returns when the runs in progress have ended, at
// most 40 seconds later.
func (s *Runners) Run(ctx context.Context) {
	var loops, runs sync.WaitGroup
	// If a process is restarted often, each start begins with other sites.
	start, known := rand.Float64(), map[jobKind]bool{}
	for ctx.Err() == nil {
		kinds, change := s.kinds()
		for _, k := range kinds {
			if !known[k] {
				known[k] = true
				p := s.pass(k, start, &runs)
				p.spread = true
				added, _ := s.newJobs(k) // since an earlier Run
				loops.Go(func() { p.loop(ctx) })
				loops.Go(func() { p.welcome(ctx, added) })
			}
		}
		select {
		case <-ctx.Done():
		case <-change:
		}
	}
	if !returns(func() { loops.Wait(); runs.Wait() }) {
		for _, site := range s.list() {
			site.gate.c.Logger.ErrorContext(ctx, "gate: a job did not end after its context", "sites", s.name())
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), WriteWithin)
	defer cancel()
	for _, site := range s.list() { // another process may report problems at once
		if _, _ = site.gate.lead(ctx, 0); ctx.Err() != nil {
			break
		}
	}
}

// loop makes passes until ctx ends.
func (p pass) loop(ctx context.Context) {
	repeat(ctx, p.kind, func() (spent time.Duration) {
		began := time.Now()
		_ = p.try(ctx) // which reports the error
		return time.Since(began)
	})
}

// RunOnce does the jobs that are due at all sites, one job after the other, for a host
// with a scheduler of its own: call it every minute, even if an earlier call has not
// returned. The jobs that ask the storage for sites with work come first. The error joins
// those of all sites.
func (s *Runners) RunOnce(ctx context.Context) error {
	var mu sync.Mutex
	var failed []error
	var runs sync.WaitGroup
	start := rand.Float64()
	kinds, _ := s.kinds()
	for _, k := range kinds {
		p := s.pass(k, start, &runs)
		p.fail = func(err error) {
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("%s: %w", k.name, err))
			}
		}
		p.fail(p.try(ctx))
		added, _ := s.newJobs(k)
		p.runAdded(ctx, added)
	}
	runs.Wait()
	return errors.Join(failed...)
}

func (s *Runners) name() string { return cmp.Or(s.Name, "all sites") }

// wait waits until the next run may begin.
func (s *Runners) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.pace == nil {
		s.pace = rate.NewLimiter(rate.Limit(cmp.Or(max(s.PerSecond, 0), 5)), 1)
	}
	pace := s.pace
	s.mu.Unlock()
	return pace.Wait(ctx)
}
