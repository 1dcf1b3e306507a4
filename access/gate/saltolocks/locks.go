package saltolocks

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// LocksConfig configures NewLocks. Client, Remote and Site are required.
type LocksConfig struct {
	// Client reads the catalog; Remote, of the same connection, moves locks.
	Client *saltoks.Client
	Remote *saltoremote.Remote
	// Site is the id of the SALTO KS site.
	Site saltoks.SiteID
	// Now is the clock, the same as Remote's; nil is time.Now.
	Now func() time.Time
}

// Locks moves the locks of one SALTO KS site and lists them: it is a gate.LockDriver
// and a gate.Catalog. It is safe for concurrent use. The zero Locks refuses every
// call.
type Locks struct {
	// current returns what the next call uses.
	current func(context.Context) (Session, error)
	now     func() time.Time
}

var (
	_ gate.LockDriver = (*Locks)(nil)
	_ gate.Catalog    = (*Locks)(nil)
)

// NewLocks returns Locks, or a *gate.ConfigError that names every fault. It makes no
// call.
func NewLocks(c LocksConfig) (*Locks, error) {
	var f faults
	f.check(c.Client != nil, "Client", "required: see saltoks.NewClient")
	f.check(c.Remote != nil, "Remote", "required: see saltoremote.NewRemote")
	f.check(c.Site != "", "Site", "required: the id of the SALTO KS site (Sites.Resolve finds it)")
	if f != nil {
		return nil, &gate.ConfigError{Faults: f}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := Session{Client: c.Client, Remote: c.Remote, Site: c.Site}
	return &Locks{func(context.Context) (Session, error) { return s, nil }, c.Now}, nil
}

var errZeroValue = errors.New("saltolocks: the Locks is a zero value: create it with NewLocks")

// ErrNoSite reports that SALTO KS is connected, but its site was not chosen.
var ErrNoSite = errors.New("saltolocks: no site of SALTO KS is chosen: call Site.LinkSite")

// session returns what a call uses: a client, a remote and a site.
func (l *Locks) session(ctx context.Context) (Session, error) {
	if l == nil || l.current == nil {
		return Session{}, errZeroValue
	}
	s, err := l.current(ctx)
	if err == nil && s.Site == "" {
		err = ErrNoSite
	}
	return s, err
}

// Move implements gate.LockDriver: it sends one request, with one code if the link
// requires it.
func (l *Locks) Move(ctx context.Context, c gate.Command) gate.Result {
	s, err := l.session(ctx)
	if err != nil {
		return result(saltoks.NewNotSentError(err))
	}
	if saltoks.SiteID(c.Link.Site) != s.Site {
		err := fmt.Errorf("saltolocks: the door is linked to a lock of SALTO site %q, this connection is for %q: link it again",
			c.Link.Site, s.Site)
		return gate.Result{Outcome: gate.Denied, Cause: gate.CauseNotLinked, Err: err}
	}
	if c.Link.Lock == "" || c.Link.NeedsCode && c.Link.Gateway == "" {
		err := errors.New("saltolocks: the door's link names no lock, or no IQ for its one-time code: link it again")
		return gate.Result{Outcome: gate.Denied, Cause: gate.CauseNotLinked, Err: err}
	}
	now := l.now()
	if now.IsZero() {
		return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseClock, Err: errors.New("saltolocks: Now returned the zero time")}
	}
	// A clock that was set back since the claim must not extend the time. From here on
	// Remote checks both the clock and the elapsed time.
	by := now.Add(c.Left())
	if c.SendBy.Before(by) {
		by = c.SendBy
	}
	target := saltoremote.Target{
		Site: s.Site, IQ: saltoks.IQID(c.Link.Gateway), Lock: saltoks.LockID(c.Link.Lock), OTPRequired: c.Link.NeedsCode,
	}
	switch c.Action {
	case access.Unlock:
		err = s.Remote.Unlock(ctx, target, saltoremote.SendBy(by))
	case access.Lock:
		err = s.Remote.Lock(ctx, target, saltoremote.SendBy(by))
	case access.OfficeMode:
		err = s.Remote.StartOfficeMode(ctx, target, saltoremote.SendBy(by))
	default:
		return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseInternal, Err: fmt.Errorf("saltolocks: no command for action %q", c.Action)}
	}
	return result(err)
}

// Locks implements gate.Catalog. It reads the site's locks and IQs and this
// user's activations: three lists.
func (l *Locks) Locks(ctx context.Context) iter.Seq2[gate.CatalogLock, error] {
	return func(yield func(gate.CatalogLock, error) bool) {
		s, err := l.session(ctx)
		if err != nil {
			yield(gate.CatalogLock{}, catalogError(err))
			return
		}
		iqs := map[saltoks.IQID]saltoremote.IQStatus{}
		for iq, err := range s.Remote.Activation().List(ctx, s.Site) {
			if err != nil {
				yield(gate.CatalogLock{}, catalogError(err))
				return
			}
			iqs[iq.IQ.ID] = iq
		}
		for lock, err := range s.Client.Locks.All(ctx, s.Site) {
			if err != nil {
				yield(gate.CatalogLock{}, catalogError(err))
				return
			}
			c := l.cataloged(s, lock)
			if lock.IQ != nil {
				iq, known := iqs[lock.IQ.ID]
				c.Problem = problem(&c, known, iq)
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Lock implements gate.Catalog with one call. It does not report a missing
// activation of the IQ.
func (l *Locks) Lock(ctx context.Context, id string) (gate.CatalogLock, error) {
	s, err := l.session(ctx)
	if err != nil {
		return gate.CatalogLock{}, catalogError(err)
	}
	lock, err := s.Client.Locks.Get(ctx, s.Site, saltoks.LockID(id))
	if err != nil {
		return gate.CatalogLock{}, catalogError(err)
	}
	c := l.cataloged(s, lock)
	if lock.IQ != nil {
		c.Problem = problem(&c, false, saltoremote.IQStatus{})
	}
	return c, nil
}

func (l *Locks) cataloged(s Session, lock saltoks.Lock) gate.CatalogLock {
	c := gate.CatalogLock{
		Link:   gate.Link{Site: string(s.Site), Lock: string(lock.ID), Name: lock.Name},
		State:  string(lock.State),
		Online: lock.Online, SeenAt: l.now(),
		Problem: gate.CauseNotLinked, Alarms: alarms(lock),
	}
	if plan := lock.Schedule; plan != nil {
		c.Schedule = &gate.LockSchedule{
			Days:  []access.Day{},
			Start: access.At(plan.Start.Hour, plan.Start.Minute), End: access.At(plan.End.Hour, plan.End.Minute), AutoStart: plan.AutoStart,
		}
		for day := access.Sun; day <= access.Sat; day++ {
			if plan.On(time.Weekday(day)) {
				c.Schedule.Days = append(c.Schedule.Days, day)
			}
		}
	}
	if lock.IQ != nil {
		c.Link.Gateway, c.Link.NeedsCode, c.GatewayOnline = string(lock.IQ.ID), lock.IQ.OTPEnabled, lock.IQ.Online
	}
	return c
}

// problem returns why a lock that is attached to an IQ cannot be moved now. iq is the
// status of its IQ, if known is true.
func problem(c *gate.CatalogLock, known bool, iq saltoremote.IQStatus) gate.Cause {
	switch {
	case known && iq.Finding == saltoremote.FindingRestoreRequired:
		return gate.CauseRestoreRequired
	case known && !iq.Finding.Usable():
		return gate.CauseIQNotActivated
	case !c.GatewayOnline:
		return gate.CauseIQOffline
	case known && c.SeenAt.Before(iq.Local.BlockedUntil):
		return gate.CauseOTPBlocked
	case !c.Online:
		return gate.CauseLockOffline
	}
	return ""
}

// alarms returns what the lock reports that requires a person.
func alarms(lock saltoks.Lock) []gate.Cause {
	list := []gate.Cause{}
	if lock.LeftOpenAlarm {
		list = append(list, gate.CauseLeftOpen)
	}
	if lock.IntrusionAlarm {
		list = append(list, gate.CauseIntrusion)
	}
	if lock.Battery != "" && lock.Battery != saltoks.BatteryFresh { // its other words are not known
		list = append(list, gate.CauseBatteryLow)
	}
	if lock.PrivacyMode {
		list = append(list, gate.CausePrivacyMode)
	}
	return list
}
