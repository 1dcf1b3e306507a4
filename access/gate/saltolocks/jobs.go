package saltolocks

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// Run does what the site needs regularly, until ctx ends: the jobs of gate.Runner, with
// SALTO's log for "ingest", and
//
//	lock_states  5 min  Gate.RefreshLockStates, in each process: for the keys in an app,
//	                    and to report problems of locks and IQs to the Observer; also
//	                    when an entry of SALTO shows that a lock's state has changed
//	problems     1 h    in each process: reports that the consent ends soon or has ended,
//	                    and that the seats of the subscription are nearly taken
//	links        24 h   Doors.RefreshLinks
//
// While SALTO KS is not connected, jobs that need it do nothing. Run may be called in
// any number of processes. It returns when the jobs that are running have ended, at
// most 40 seconds after ctx. A process with hundreds of sites gives their Runners to a
// gate.Runners instead, which polls SALTO's log: an entry leads to no early lock_states.
func (s *Site) Run(ctx context.Context) { s.Runner.Run(ctx) }

// RunOnce runs the jobs that are due, for a host with a scheduler of its own: call it
// every minute. See gate.Runner.
func (s *Site) RunOnce(ctx context.Context) error { return s.Runner.RunOnce(ctx) }

// newRunner creates the Runner of the site with the jobs of this package.
func (s *Site) newRunner(work gate.RunnerConfig) (err error) {
	s.Entries = s.Locks.Entries(time.Time{})
	work.Gate, work.Vendor = s.Gate, vendor{s.Entries, s.readStates}
	work.Jobs = append([]gate.Job{
		{Name: "lock_states", Every: 5 * time.Minute, EachProcess: true, Run: s.readStates},
		{Name: "problems", Every: time.Hour, EachProcess: true, Run: s.findProblems},
		{Name: "links", Every: 24 * time.Hour, Run: ifConnected(func(ctx context.Context) error {
			_, err := s.Doors.RefreshLinks(ctx)
			return err
		})},
	}, work.Jobs...)
	s.Runner, err = gate.NewRunner(work)
	return err
}

// readStates reads the states of the locks. Without a connection there are none.
func (s *Site) readStates(ctx context.Context) error {
	_, err := s.Gate.RefreshLockStates(ctx, s.Locks)
	if notConnected(err) {
		_, err = s.Gate.RefreshLockStates(ctx, noLocks{})
	}
	return err
}

// noLocks is the Catalog of a site without locks.
type noLocks struct{ gate.Catalog }

func (noLocks) Locks(context.Context) iter.Seq2[gate.CatalogLock, error] {
	return func(func(gate.CatalogLock, error) bool) {}
}

// findProblems reports the problems of the site that no request encounters. Without a
// connection there are none.
func (s *Site) findProblems(ctx context.Context) error {
	status, err := s.Status(ctx)
	if err != nil && !notConnected(err) {
		return err
	}
	ended := status.State == saltoauth.ConnectionReauthorize
	reported := s.Gate.ReportProblem(ctx, gate.CauseReauthorizeDue, ended || status.Due(s.now()))
	if ended { // nothing else can be read
		return reported
	}
	full := false
	if err == nil {
		full, err = s.seatsNearlyFull(ctx)
	}
	if err != nil && !notConnected(err) {
		return errors.Join(reported, err)
	}
	return errors.Join(reported, s.Gate.ReportProblem(ctx, gate.CauseSeatsNearlyFull, full))
}

func (s *Site) seatsNearlyFull(ctx context.Context) (bool, error) {
	session, err := s.Locks.session(ctx)
	if err != nil {
		return false, err
	}
	site, err := session.Client.Sites.Get(ctx, session.Site)
	if err != nil {
		return false, err
	}
	plan, err := session.Client.Sites.Subscription(ctx, session.Site)
	return err == nil && nearlyFull(plan, site), err
}

func nearlyFull(plan saltoks.Subscription, s saltoks.Site) bool {
	return plan.Users > 0 && plan.Users-s.SubscribedUsers <= 1
}

// ifConnected makes a job do nothing while SALTO KS is not connected.
func ifConnected(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := run(ctx); !notConnected(err) {
			return err
		}
		return nil
	}
}

func notConnected(err error) bool {
	return errors.Is(err, saltoauth.ErrNotConnected) || errors.Is(err, ErrNoSite)
}

// vendor is SALTO's log, which is empty while SALTO KS is not connected.
type vendor struct {
	*Entries
	// changed is called soon after an entry that shows another state of a lock.
	changed func(context.Context) error
}

func (v vendor) Poll(ctx context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	list, next, err := v.Entries.Poll(ctx, cursor)
	if notConnected(err) {
		return nil, cursor, nil
	}
	return list, next, err
}

// changedEvery limits how often entries lead to a call of changed, and how old an entry
// may be.
const changedEvery = 30 * time.Second

func (v vendor) Follow(ctx context.Context, cursor string, store func([]gate.VendorEntry, string) error) error {
	ctx, stop := context.WithCancel(ctx)
	changed := make(chan struct{}, 1)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	reading.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				_ = v.changed(ctx) // the job "lock_states" reports such an error
			}
			select {
			case <-ctx.Done():
			case <-time.After(changedEvery):
			}
		}
	})
	err := v.Entries.Follow(ctx, cursor, func(list []gate.VendorEntry, next string) error {
		if slices.ContainsFunc(list, v.changesState) {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
		return store(list, next)
	})
	if notConnected(err) {
		return nil
	}
	return err
}

// changesState reports whether a new entry is about anything but an opening.
func (v vendor) changesState(e gate.VendorEntry) bool {
	switch eventOf(e) {
	case gate.LockOpened, gate.LockRejected:
		return false
	}
	return v.l.now().Sub(e.At).Abs() < changedEvery
}
