package saltolocks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Doctor examines the SALTO KS side of a site for gate.Gate.Doctor: connection, SALTO
// user, subscription, IQs and locks. Make one with Locks.Doctor; it is safe for
// concurrent use.
type Doctor struct {
	l          *Locks
	connection func(context.Context) (saltoauth.ConnectionStatus, error)
	mu         sync.Mutex
	checked    map[saltoks.IQID]time.Time // when a code was last checked
}

var _ gate.Checker = (*Doctor)(nil)

// Doctor returns the Checker of the site. connection returns the state of the consent
// (Authorizer.Status); nil if there is no consent, as with PasswordSource. Keep the
// Doctor: it remembers when it last checked a code.
func (l *Locks) Doctor(connection func(context.Context) (saltoauth.ConnectionStatus, error)) *Doctor {
	return &Doctor{l: l, connection: connection, checked: map[saltoks.IQID]time.Time{}}
}

// Check implements gate.Checker. It only reads and, if c.Codes is set, checks at most
// one code per activated IQ and hour.
func (d *Doctor) Check(ctx context.Context, c gate.Check) ([]gate.Issue, error) {
	e := &examination{Doctor: d, c: c, list: []gate.Issue{}}
	if over := e.consent(ctx); over {
		return e.list, nil // every call would fail for the same reason
	}
	var err error
	if e.s, err = d.l.session(ctx); err != nil {
		e.failed(err)
	} else if over := e.site(ctx); over {
		return e.list, nil
	} else {
		e.user(ctx)
		e.iqs(ctx)
		e.locks(ctx)
	}
	for i, err := range e.errs {
		if unreachable(err) {
			e.errs[i] = fmt.Errorf("%w: %w", gate.ErrCloudUnavailable, err)
		}
	}
	return e.list, errors.Join(e.errs...)
}

type examination struct {
	*Doctor
	s    Session
	c    gate.Check
	list []gate.Issue
	errs []error
}

// report reports an issue of the whole site. args are those of its What.
func (e *examination) report(code string, args ...any) {
	e.list = append(e.list, issue(code, "", args...))
}

// consent examines the connection. It returns true if there is no usable token.
func (e *examination) consent(ctx context.Context) bool {
	if e.connection == nil {
		return false
	}
	s, err := e.connection(ctx)
	switch {
	case err != nil:
		return e.failed(err)
	case !s.ReauthorizeSince.IsZero():
		e.report("reauthorize_required", " on "+s.ReauthorizeSince.Format(time.DateOnly))
		return true
	case s.InvalidClient:
		e.report("client_refused")
		return !e.c.Now.Before(s.TokenExpiry)
	case s.Due(e.c.Now):
		e.report("reauthorize_due", s.ConsentedAt.Format(time.DateOnly))
	case s.FailedRefreshes > 2:
		e.report("tokens_failing", s.FailedRefreshes, s.Fault)
	}
	return false
}

// failed reports an error. It returns true if a person has to fix something first:
// every call would fail for the same reason.
func (e *examination) failed(err error) (over bool) {
	lookup, _ := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, saltoauth.ErrNotConnected):
		e.report("not_connected")
	case errors.Is(err, ErrNoSite):
		e.report("no_site")
	case errors.Is(err, saltoks.ErrReauthorize):
		e.report("reauthorize_required", "")
	case errors.Is(err, saltoauth.ErrInvalidClient):
		e.report("client_refused")
	case errors.Is(err, saltostate.ErrSealed):
		e.report("sealing_key")
	case lookup != nil && lookup.IsNotFound:
		e.report("wrong_url", lookup.Name)
	default:
		e.errs = append(e.errs, err)
		return false
	}
	return true
}

// site examines the site. It returns true if the site cannot be read at all.
func (e *examination) site(ctx context.Context) bool {
	s, err := e.s.Client.Sites.Get(ctx, e.s.Site)
	switch {
	case errors.Is(err, saltoks.ErrNotFound), errors.Is(err, saltoks.ErrForbidden):
		e.report("site_not_visible")
		return true
	case err != nil:
		return e.failed(err)
	}
	if zone := e.c.TimeZone; zone != "" && !sameTime(s.TimeZone, zone, e.c.Now) {
		e.report("time_zone_differs", s.TimeZone, zone)
	}
	if !s.SubscriptionValid {
		e.report("no_subscription")
	}
	if s.InstallationState != "released" {
		e.report("site_not_released", s.InstallationState)
	}
	plan, err := e.s.Client.Sites.Subscription(ctx, e.s.Site)
	if err != nil {
		e.errs = append(e.errs, err)
	} else if nearlyFull(plan, s) {
		e.report("seats_nearly_full", s.SubscribedUsers, plan.Users)
	}
	return false
}

// sameTime reports whether two zones have the same time during the next year, like
// "Europe/Berlin" and "Europe/Amsterdam". An unknown zone has the same time as itself.
func sameTime(a, b string, now time.Time) bool {
	first, err := time.LoadLocation(a)
	second, err2 := time.LoadLocation(b)
	if err != nil || err2 != nil || a == "" {
		return a == b
	}
	for at := now; at.Before(now.AddDate(1, 0, 0)); at = at.Add(time.Hour) {
		_, x := at.In(first).Zone()
		_, y := at.In(second).Zone()
		if x != y {
			return false
		}
	}
	return true
}

// user examines the SALTO user of the connection.
func (e *examination) user(ctx context.Context) {
	me, err := e.s.Client.Me.OnSite(ctx, e.s.Site)
	if err != nil {
		e.errs = append(e.errs, err)
		return
	}
	admin := len(me.Roles) == 0 // SALTO may not return the roles of a new user yet
	for _, r := range me.Roles {
		admin = admin || r.Code == saltoks.RoleSiteAdmin || r.Code == "site_owner"
	}
	if !admin {
		e.report("not_site_admin", me.Roles[0].Code)
	}
	if !me.RemoteAccess {
		e.report("no_remote_access")
	}
	if me.Blocked {
		e.report("user_blocked")
	}
}

// iqs examines every IQ.
func (e *examination) iqs(ctx context.Context) {
	activation := e.s.Remote.Activation()
	none := true
	for iq, err := range activation.List(ctx, e.s.Site) {
		if err != nil {
			e.errs = append(e.errs, err)
			return
		}
		none = false
		var opts []saltoremote.DiagnoseOption
		if e.c.Codes && e.codeDue(iq.IQ.ID) {
			opts = append(opts, saltoremote.CheckCode())
		}
		d, err := activation.Diagnose(ctx, e.s.Site, iq.IQ.ID, opts...)
		if err != nil {
			e.errs = append(e.errs, fmt.Errorf("IQ %q: %w", iq.IQ.Name, err))
		} else if !d.Finding.Usable() {
			e.list = append(e.list, e.iqIssue(iq.IQ, d))
		}
	}
	if none {
		e.report("no_iq")
	}
}

// iqIssue returns the issue of an IQ, a Note if it has no doors.
func (e *examination) iqIssue(iq saltoks.IQ, d saltoremote.Diagnosis) gate.Issue {
	i := issue(string(d.Finding), "IQ "+iq.Name)
	i.Do, i.Until = d.Advice, d.Until
	switch {
	case d.Finding == saltoremote.FindingClockSkew:
		i.About = "" // this machine's clock, whatever the IQ
		i.What = fmt.Sprintf("This machine's clock differs from SALTO's by %s.", d.ClockOffset.Round(time.Second))
	case d.Finding == saltoremote.FindingUnclear && d.Check != nil:
		i.What = fmt.Sprintf("Checking a code failed: %v.", d.Check)
	}
	if !slices.ContainsFunc(e.c.Doors, func(d gate.Door) bool { return d.Link.Gateway == string(iq.ID) }) {
		i.Severity, i.Breaks = gate.Note, "Nothing now: it has no doors."
	}
	return i
}

// codeDue reports whether a code may be checked at the IQ now, and records the check.
func (e *examination) codeDue(iq saltoks.IQID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if last, ok := e.checked[iq]; ok && e.c.Now.Sub(last).Abs() < time.Hour {
		return false
	}
	e.checked[iq] = e.c.Now
	return true
}

// locks examines the locks that doors are linked to.
func (e *examination) locks(ctx context.Context) {
	doors := map[saltoks.LockID]string{}
	for _, d := range e.c.Doors {
		if d.Link.Site == string(e.s.Site) {
			doors[saltoks.LockID(d.Link.Lock)] = d.ID
		}
	}
	for lock, err := range e.s.Client.Locks.All(ctx, e.s.Site) {
		if err != nil {
			e.errs = append(e.errs, err)
			return
		}
		door, ok := doors[lock.ID]
		if !ok {
			continue
		}
		for _, alarm := range alarms(lock) { // the ones that the job "lock_states" reports
			i := issue(string(alarm), door, lock.Name, lock.Battery)
			if alarm == gate.CauseBatteryLow && lock.Battery != saltoks.BatteryCritical { // an unknown word
				i.Severity = gate.Note
			}
			e.list = append(e.list, i)
		}
	}
}
