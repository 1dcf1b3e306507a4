package saltolocks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// ErrConsentDue reports that an administrator should reconnect SALTO KS soon. It is the
// error of the job "consent".
var ErrConsentDue = errors.New("saltolocks: the consent at SALTO KS ends soon: reconnect as the same SALTO user")

// Run does what the site needs regularly, until ctx ends: the jobs of gate.Runner, with
// SALTO's log for "ingest", and
//
//	lock_states  5 min  Gate.RefreshLockStates, in each process, for the keys in an app
//	links        24 h   Doors.RefreshLinks
//	consent      24 h   fails with ErrConsentDue, or if SALTO ended the consent
//
// While SALTO KS is not connected, jobs that need it do nothing. Run may be called in
// any number of processes. It returns when the jobs that are running have ended, at
// most 40 seconds after ctx.
func (s *Site) Run(ctx context.Context) { s.runner.Run(ctx) }

// RunOnce runs the jobs that are due, for a host with a scheduler of its own: call it
// every minute. See gate.Runner.
func (s *Site) RunOnce(ctx context.Context) error { return s.runner.RunOnce(ctx) }

// newRunner creates the Runner of the site with the jobs of this package.
func (s *Site) newRunner(work gate.RunnerConfig) (err error) {
	s.Entries = s.Locks.Entries(time.Time{})
	work.Gate, work.Vendor = s.Gate, vendor{s.Entries}
	work.Jobs = append([]gate.Job{
		{Name: "lock_states", Every: 5 * time.Minute, EachProcess: true, Run: ifConnected(func(ctx context.Context) error {
			_, err := s.Gate.RefreshLockStates(ctx, s.Locks)
			return err
		})},
		{Name: "links", Every: 24 * time.Hour, Run: ifConnected(func(ctx context.Context) error {
			_, err := s.Doors.RefreshLinks(ctx)
			return err
		})},
		{Name: "consent", Every: 24 * time.Hour, Run: ifConnected(s.checkConsent)},
	}, work.Jobs...)
	s.runner, err = gate.NewRunner(work)
	return err
}

// checkConsent fails if an administrator has to reconnect, now or soon.
func (s *Site) checkConsent(ctx context.Context) error {
	status, err := s.Status(ctx)
	switch now := s.now(); {
	case err != nil:
		return err
	case status.State == saltoauth.ConnectionReauthorize:
		return errors.New("saltolocks: " + status.Summary(now))
	case status.Due(now):
		return fmt.Errorf("%w (consent of %s)", ErrConsentDue, status.ConsentedAt.Format(time.DateOnly))
	}
	return nil
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
type vendor struct{ *Entries }

func (v vendor) Poll(ctx context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	list, next, err := v.Entries.Poll(ctx, cursor)
	if notConnected(err) {
		return nil, cursor, nil
	}
	return list, next, err
}

func (v vendor) Follow(ctx context.Context, cursor string, store func([]gate.VendorEntry, string) error) error {
	if err := v.Entries.Follow(ctx, cursor, store); !notConnected(err) {
		return err
	}
	return nil
}
