//go:build unix

package soak

import (
	"context"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// keepLog is longer than any soak, so that the job retain runs and removes nothing: every
// row is needed at the end.
const keepLog = 400 * 24 * time.Hour

// follows reports whether a site follows SALTO's event stream at an instant: every 25th
// site always, the others two hours a day, not all at once. An hour of it has 480 pings,
// 180 renewals of a lease and 120 searches for commands without an answer.
func (x *site) follows(at time.Time) bool {
	return x.always() || (at.Hour()-x.followsFrom(at)+24)%24 < 2
}

func (x *site) always() bool { return x.n%25 == 10 }

// followsFrom is the hour of a day at which a site begins to follow the stream.
func (x *site) followsFrom(day time.Time) int {
	return (7*x.n + 5*int(day.Sub(x.soak.start)/(24*time.Hour))) % 23
}

// every has the intervals of the jobs that differ from the defaults, for speed.
func (x *site) every() map[string]time.Duration {
	every := map[string]time.Duration{"recover": 5 * time.Minute, "close_office_mode": 5 * time.Minute, "lock_states": 2 * time.Hour}
	if !x.always() {
		every["ingest"] = 30 * time.Minute
	}
	return every
}

// startJobs starts the jobs of all sites, as a process does when it starts.
func (s *soak) startJobs() {
	// No command of a job belongs to a tap.
	s.working, s.stop = context.WithCancel(with(s.t.Context(), asked{id: "guardian", door: "office"}))
	s.runners = &gate.Runners{}
	for _, x := range s.sites {
		x.work(x.follows(time.Now()))
	}
	s.running.Go(func() { s.runners.Run(s.working) })
}

// stopJobs ends them and waits for the runs in progress.
func (s *soak) stopJobs() {
	if s.stop == nil { // the world is being built
		return
	}
	s.stop()
	s.running.Wait()
	s.stop = nil
}

// work starts the jobs of a site: Site.Run follows SALTO's event stream, the Runners of
// the process poll.
func (x *site) work(follow bool) {
	s := x.soak
	if x.lives = follow; !follow {
		remove, err := s.runners.Add(x.app.Runner)
		s.ok(err)
		x.jobs = remove
		return
	}
	ctx, stop := context.WithCancel(s.working)
	ended := make(chan struct{})
	s.running.Go(func() {
		defer close(ended)
		x.app.Run(ctx)
	})
	x.jobs = func() { stop(); <-ended }
}

// handOver lets the sites begin or end to follow the stream, while the process runs.
func (s *soak) handOver(now time.Time) {
	var all sync.WaitGroup
	for _, x := range s.sites {
		if follow := x.follows(now); follow != x.lives {
			s.handOvers++
			all.Go(func() { x.jobs(); x.work(follow) })
		}
	}
	all.Wait()
}
