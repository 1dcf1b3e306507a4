package saltolocks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Doctor examines the SALTO KS side of a site for gate.Doctor: connection, SALTO
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
	e := &examination{Doctor: d, c: c}
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

func (e *examination) report(f gate.Issue) {
	known := func(i gate.Issue) bool { return i.Code == f.Code && i.About == f.About }
	if !slices.ContainsFunc(e.list, known) {
		e.list = append(e.list, f)
	}
}

// consent examines the connection. It returns true if there is no usable token.
func (e *examination) consent(ctx context.Context) bool {
	if e.connection == nil {
		return false
	}
	s, err := e.connection(ctx)
	if err != nil {
		return e.failed(err)
	}
	switch {
	case !s.ReauthorizeSince.IsZero():
		e.report(reauthorize(fmt.Sprintf("SALTO ended the consent on %s.", s.ReauthorizeSince.Format(time.DateOnly)), reconnect))
		return true
	case s.InvalidClient:
		e.report(clientRefused())
		return !e.c.Now.Before(s.TokenExpiry)
	case !s.DueAt.IsZero() && !e.c.Now.Before(s.DueAt):
		e.report(gate.Issue{
			Code: "reauthorize_due", Severity: gate.Warning,
			What:   fmt.Sprintf("The consent is from %s, and SALTO ends consents after about 90 days.", s.ConsentedAt.Format(time.DateOnly)),
			Breaks: "Soon no digital key opens any door.", Do: reconnect,
		})
	case s.FailedRefreshes > 2:
		e.report(gate.Issue{
			Code: "tokens_failing", Severity: gate.Warning,
			What:   fmt.Sprintf("Renewing the access token failed %d times: %s.", s.FailedRefreshes, s.Fault),
			Breaks: "When the current token expires, no digital key opens any door.",
			Do:     "Check the network and status.saltoks.com; the renewal is retried automatically.",
		})
	}
	return false
}

const (
	nothingOpens = "No digital key opens any door."
	allRefused   = "SALTO refuses every command."
	reconnect    = "Reconnect as the same SALTO user: doors, names and activations stay."
)

func reauthorize(what, do string) gate.Issue {
	return gate.Issue{Code: "reauthorize_required", Severity: gate.Critical, What: what, Breaks: nothingOpens, Do: do}
}

func clientRefused() gate.Issue {
	return gate.Issue{
		Code: string(gate.CauseClientRefused), Severity: gate.Critical,
		What:   "SALTO refuses the client id and secret of this application.",
		Breaks: "When the current token expires, no digital key opens any door.",
		Do:     "Correct the client id and secret in the configuration (Credentials); tokens, doors and activations stay.",
	}
}

// failed reports an error. It returns true if a person has to fix the connection first:
// every call would fail for the same reason.
func (e *examination) failed(err error) (over bool) {
	i := gate.Issue{Severity: gate.Critical, Breaks: nothingOpens}
	switch {
	case errors.Is(err, saltoauth.ErrNotConnected):
		i.Code, i.What, i.Do = string(gate.CauseNotConnected), "There is no connection to SALTO KS.", "Connect to SALTO KS."
	case errors.Is(err, ErrNoSite):
		i.Code, i.What, i.Do = "no_site", "SALTO KS is connected, but no site is chosen.", "Choose the site (LinkSite)."
	case errors.Is(err, saltoks.ErrReauthorize):
		i = reauthorize("SALTO no longer issues access tokens.", reconnect)
	case errors.Is(err, saltoauth.ErrInvalidClient):
		i = clientRefused()
	case errors.Is(err, saltostate.ErrSealed):
		i.Code, i.What = "sealing_key", "The connection to SALTO KS was stored with another sealing key than this process has."
		i.Do = "Give every process the same SealingKey."
	default:
		e.errs = append(e.errs, err)
		return false
	}
	e.report(i)
	return true
}

// site examines the site. It returns true if the site cannot be read at all.
func (e *examination) site(ctx context.Context) bool {
	s, err := e.s.Client.Sites.Get(ctx, e.s.Site)
	switch {
	case errors.Is(err, saltoks.ErrNotFound), errors.Is(err, saltoks.ErrForbidden):
		e.report(gate.Issue{
			Code: "site_not_visible", Severity: gate.Critical, What: "The connection's SALTO user has no access to the site.",
			Breaks: nothingOpens,
			Do: "Make the user a site admin again. If it is one, the connection is for another environment (production or acceptance)" +
				" than the site's.",
		})
		return true
	case err != nil:
		return e.failed(err)
	}
	if i, differs := timeZone(s.TimeZone, e.c.TimeZone, e.c.Now); differs {
		e.report(i)
	}
	if !s.SubscriptionValid {
		e.report(gate.Issue{
			Code: "no_subscription", Severity: gate.Critical, What: "The site has no valid SALTO KS subscription.",
			Breaks: "SALTO refuses remote opening.", Do: "Renew it with SALTO.",
		})
	}
	if s.InstallationState != "released" {
		e.report(gate.Issue{
			Code: "site_not_released", Severity: gate.Critical,
			What:   fmt.Sprintf("The installer has not released the site (%q).", s.InstallationState),
			Breaks: "SALTO operates none of its locks.", Do: "Ask the installer to release it.",
		})
	}
	plan, err := e.s.Client.Sites.Subscription(ctx, e.s.Site)
	if err != nil {
		e.errs = append(e.errs, err)
	} else if plan.Users > 0 && plan.Users-s.SubscribedUsers <= 1 {
		e.report(gate.Issue{
			Code: "seats_nearly_full", Severity: gate.Warning,
			What:   fmt.Sprintf("%d of %d seats of the subscription are taken.", s.SubscribedUsers, plan.Users),
			Breaks: "SALTO accepts further users without notice, and their fobs and PINs open nothing. Digital keys need no seat.",
			Do:     "Remove users in SALTO KS, or order seats.",
		})
	}
	return false
}

// user examines the SALTO user of the connection.
func (e *examination) user(ctx context.Context) {
	me, err := e.s.Client.Me.OnSite(ctx, e.s.Site)
	if err != nil {
		e.errs = append(e.errs, err)
		return
	}
	admin := len(me.Roles) == 0 // SALTO shows roles late
	for _, r := range me.Roles {
		admin = admin || r.Code == saltoks.RoleSiteAdmin || r.Code == "site_owner"
	}
	if !admin {
		e.report(gate.Issue{
			Code: "not_site_admin", Severity: gate.Critical,
			What:   fmt.Sprintf("The connection's SALTO user is %q, not site admin.", me.Roles[0].Code),
			Breaks: "SALTO may refuse commands and hide locks.", Do: "Give the user the role Site admin in SALTO KS.",
		})
	}
	if !me.RemoteAccess {
		e.report(gate.Issue{
			Code: "no_remote_access", Severity: gate.Critical, What: "The connection's SALTO user has no right to open remotely.",
			Breaks: allRefused, Do: "Switch on remote access for the user in SALTO KS.",
		})
	}
	if me.Blocked {
		e.report(gate.Issue{
			Code: "user_blocked", Severity: gate.Critical, What: "The connection's SALTO user is blocked on the site.",
			Breaks: allRefused, Do: "Unblock the user in SALTO KS.",
		})
	}
}

// iqs examines every IQ. An issue of an IQ without doors is a Note.
func (e *examination) iqs(ctx context.Context) {
	needed := map[saltoks.IQID]bool{}
	for _, d := range e.c.Doors {
		if !d.Link.IsZero() {
			needed[saltoks.IQID(d.Link.Gateway)] = true
		}
	}
	none := true
	activation := e.s.Remote.Activation()
	for iq, err := range activation.List(ctx, e.s.Site) {
		if err != nil {
			e.errs = append(e.errs, err)
			return
		}
		none = false
		var opts []saltoremote.DiagnoseOption
		if e.c.Codes && e.due(iq.IQ.ID) {
			opts = append(opts, saltoremote.CheckCode())
		}
		d, err := activation.Diagnose(ctx, e.s.Site, iq.IQ.ID, opts...)
		if err != nil {
			e.errs = append(e.errs, fmt.Errorf("IQ %q: %w", iq.IQ.Name, err))
			continue
		}
		if d.Finding.Usable() {
			continue
		}
		f := gate.Issue{
			Code: string(d.Finding), Severity: gate.Critical, About: "IQ " + iq.IQ.Name, What: findings[d.Finding],
			Breaks: "No digital key opens the doors of this IQ.", Do: d.Advice, Until: d.Until,
		}
		if d.Finding == saltoremote.FindingClockSkew {
			f.About = "" // this machine's clock, whatever the IQ
			f.What = fmt.Sprintf("This machine's clock differs from SALTO's by %s.", d.ClockOffset.Round(time.Second))
		}
		if d.Finding == saltoremote.FindingUnclear && d.Check != nil {
			f.What = fmt.Sprintf("Checking a code failed: %v.", d.Check)
		}
		if !needed[iq.IQ.ID] {
			f.Severity, f.Breaks = gate.Note, "Nothing now: it has no doors."
		}
		e.report(f)
	}
	if none {
		e.report(gate.Issue{
			Code: "no_iq", Severity: gate.Critical, What: "The SALTO KS site has no IQ.",
			Breaks: nothingOpens, Do: "Add an IQ to the site in SALTO KS, or choose another site.",
		})
	}
}

// due reports whether a code may be checked at the IQ now, and records the check.
func (e *examination) due(iq saltoks.IQID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if last, ok := e.checked[iq]; ok && e.c.Now.Sub(last).Abs() < time.Hour {
		return false
	}
	e.checked[iq] = e.c.Now
	return true
}

// findings describes each finding about an IQ.
var findings = map[saltoremote.Finding]string{
	saltoremote.FindingNotActivated:       "It was never activated for the connection's SALTO user.",
	saltoremote.FindingUnfinished:         "Its activation was begun and not finished.",
	saltoremote.FindingActivatedElsewhere: "It was activated outside of this installation, so its secret is not stored here.",
	saltoremote.FindingActivationLost:     "Its activation was reset at SALTO.",
	saltoremote.FindingRestoreRequired:    "It was reset and has to be restored.",
	saltoremote.FindingPINNotChanged:      "Its PIN was not confirmed at SALTO.",
	saltoremote.FindingIQClock:            "SALTO's cloud accepts our codes and the IQ does not.",
	saltoremote.FindingAppLogin:           "Its secret was replaced: the SALTO user was logged into the phone app.",
	saltoremote.FindingWrongCode:          "Our one-time codes are refused.",
	saltoremote.FindingBlocked:            "No one-time codes are sent for a while, because some were wrong.",
	saltoremote.FindingIQOffline:          "It is offline.",
	saltoremote.FindingUnclear:            "Checking a code failed.",
}

// locks examines the locks that doors are linked to.
func (e *examination) locks(ctx context.Context) {
	doors := map[saltoks.LockID]gate.Door{}
	for _, d := range e.c.Doors {
		if d.Link.Site == string(e.s.Site) {
			doors[saltoks.LockID(d.Link.Lock)] = d
		}
	}
	for lock, err := range e.s.Client.Locks.All(ctx, e.s.Site) {
		if err != nil {
			e.errs = append(e.errs, err)
			return
		}
		d, ok := doors[lock.ID]
		if !ok {
			continue
		}
		if lock.Battery != "" && lock.Battery != saltoks.BatteryFresh {
			f := gate.Issue{
				Code: "battery_low", Severity: gate.Warning, About: d.ID,
				What:   fmt.Sprintf("The battery of its lock %q is %q.", lock.Name, lock.Battery),
				Breaks: "When it is empty, the door opens for no one.", Do: "Change the batteries.",
			}
			if lock.Battery != saltoks.BatteryCritical { // an unknown value
				f.Severity = gate.Note
			}
			e.report(f)
		}
		if lock.PrivacyMode {
			e.report(gate.Issue{
				Code: "privacy_mode", Severity: gate.Note, About: d.ID,
				What:   fmt.Sprintf("Its lock %q was put into privacy mode from inside.", lock.Name),
				Breaks: "The lock may refuse digital keys until privacy mode ends.", Do: "Nothing if a person is inside; otherwise end it at the lock.",
			})
		}
		if lock.LeftOpenAlarm {
			e.report(gate.Issue{
				Code: "left_open_alarm", Severity: gate.Warning, About: d.ID,
				What:   fmt.Sprintf("Its lock %q reports that the door is open.", lock.Name),
				Breaks: "Anyone can enter.", Do: "Close the door.",
			})
		}
	}
}
