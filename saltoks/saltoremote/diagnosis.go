package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// Finding is whether one SALTO user can send commands through one IQ, and if
// not, the problem.
type Finding string

// Findings. Activation.List returns those down to FindingRestoreRequired;
// Activation.Diagnose returns each of them, and Diagnosis.Advice is what to do.
const (
	// FindingReady: activated here and at SALTO. No problem is known.
	FindingReady Finding = "ready"
	// FindingNeedsNoCode: the IQ accepts commands without a code and requires no
	// activation. No problem is known.
	FindingNeedsNoCode Finding = "needs_no_code"
	// FindingNotActivated: the IQ was never activated for this user.
	FindingNotActivated Finding = "not_activated"
	// FindingUnfinished: the activation was started here and not finished.
	// ActivationState.Step is where to continue.
	FindingUnfinished Finding = "activation_unfinished"
	// FindingActivatedElsewhere: SALTO reports the user as activated, but the
	// secret is not stored here. See ErrActivatedElsewhere.
	FindingActivatedElsewhere Finding = "activated_elsewhere"
	// FindingActivationLost: activated here, but SALTO reports that it is not: it
	// was reset. Call Restart.
	FindingActivationLost Finding = "activation_lost"
	// FindingRestoreRequired: the IQ was reset; secret and PIN are useless. Call
	// IQs.Restore, then Restart.
	FindingRestoreRequired Finding = "restore_required"
	// FindingHealthy: SALTO accepted a code just now.
	FindingHealthy Finding = "healthy"
	// FindingPINNotChanged: the PIN was not confirmed at SALTO.
	FindingPINNotChanged Finding = "pin_not_changed"
	// FindingClockSkew: this machine's clock is too far off for codes.
	FindingClockSkew Finding = "clock_skew"
	// FindingIQClock: SALTO's cloud accepts the code, the IQ does not.
	FindingIQClock Finding = "iq_refuses_code"
	// FindingAppLogin: only the secret is wrong. This SALTO user was logged
	// into the phone app, which replaces the secret without notice (WIRE.md
	// 3.3).
	FindingAppLogin Finding = "app_login"
	// FindingWrongCode: codes are refused; whether the clock is the cause is not
	// known.
	FindingWrongCode Finding = "wrong_code"
	// FindingBlocked: no codes are sent before Until, so nothing can be checked.
	FindingBlocked Finding = "blocked"
	// FindingIQOffline: the IQ does not answer.
	FindingIQOffline Finding = "iq_offline"
	// FindingUnclear: the check failed for a reason unrelated to codes.
	FindingUnclear Finding = "unclear"
)

// Usable reports whether commands to the IQ's locks can be sent.
func (f Finding) Usable() bool {
	return f == FindingReady || f == FindingNeedsNoCode || f == FindingHealthy
}

var findingAdvice = map[Finding]string{
	FindingReady:        "No problem is known. Check a code to be sure.",
	FindingNeedsNoCode:  "No problem is known.",
	FindingHealthy:      "SALTO accepted a one-time code just now: commands can be sent.",
	FindingNotActivated: "Activate the IQ: request the PIN and enter it.",
	FindingUnfinished:   "Continue the activation: enter the PIN, or request it again.",
	FindingActivatedElsewhere: "This SALTO user was activated outside of this installation. " +
		"If the user still has a code and the PIN from there, adopt it; otherwise ask SALTO's support to reset the activation," +
		" then activate the IQ here.",
	FindingActivationLost:  "SALTO no longer reports this user as activated: it was reset. Restart the activation.",
	FindingRestoreRequired: "The IQ was reset. Restore it, then restart the activation of every user.",
	FindingPINNotChanged:   "The PIN was not confirmed at SALTO. Check a code: that confirms it.",
	FindingClockSkew:       "The clock of this machine is wrong: set it by NTP, then try again.",
	FindingIQClock: "SALTO's cloud accepts the code but the IQ does not: its clock or its copy of the PIN is wrong. " +
		"Power-cycle the IQ; if that does not help, ask SALTO's support.",
	FindingAppLogin: "This SALTO user was logged into the phone app, which replaced the secret. " +
		"Ask SALTO's support to reset the activation, restart it here, and do not use the app with this user.",
	FindingWrongCode: "One-time codes are refused. Compare this machine's clock with true time; if it is right," +
		" this SALTO user was logged into the phone app.",
	FindingBlocked:   "No one-time codes are sent for a while, because some were wrong. Wait, then check one.",
	FindingIQOffline: "The IQ is offline: check its power and network.",
	FindingUnclear:   "The check failed for another reason; see its error.",
}

// Diagnosis is the most likely cause of a problem of one user at one IQ, with
// what is known about it.
type Diagnosis struct {
	Finding Finding `json:"finding"`
	// Advice is what to do, in one or two sentences for a person.
	Advice string `json:"advice"`
	// Until is when codes are sent again (UTC); zero if they are sent now.
	Until time.Time `json:"until,omitzero"`

	Status IQStatus `json:"status"`
	// Command is the error of the last command, if AfterError named one.
	Command error `json:"-"`
	// ClockOffset is this machine's clock minus SALTO's, in nanoseconds in
	// JSON. It is valid if ClockKnown is true.
	ClockOffset time.Duration `json:"clock_offset"`
	ClockKnown  bool          `json:"clock_known"`
	// Checked: a code was checked; Check is SALTO's refusal, nil if it was accepted.
	Checked bool  `json:"checked"`
	Check   error `json:"-"`
}

// clockTolerance is the offset from which the clock is a likely cause: SALTO
// accepts three minutes, of which a code may use one before it is sent.
const clockTolerance = 110 * time.Second

// conclude sets the finding.
func (d Diagnosis) conclude() Diagnosis {
	d.Finding, d.Until = d.finding(), d.Status.Local.BlockedUntil
	d.Advice = findingAdvice[d.Finding]
	return d
}

func (d Diagnosis) finding() Finding {
	reported := func(cause error) bool { return errors.Is(d.Command, cause) || errors.Is(d.Check, cause) }
	if !d.Status.Finding.Usable() {
		return d.Status.Finding
	}
	switch {
	case reported(saltoks.ErrRestoreRequired):
		return FindingRestoreRequired
	case d.Checked && d.Check == nil && errors.Is(d.Command, saltoks.ErrOTPInvalid):
		return FindingIQClock
	case d.Checked && d.Check == nil:
		return FindingHealthy
	case reported(saltoks.ErrIQPINNotChanged):
		return FindingPINNotChanged
	case d.Status.Finding != FindingNeedsNoCode && d.ClockKnown && d.ClockOffset.Abs() > clockTolerance:
		return FindingClockSkew
	case reported(saltoks.ErrOTPInvalid) && d.ClockKnown:
		return FindingAppLogin
	case reported(saltoks.ErrOTPInvalid):
		return FindingWrongCode
	case reported(saltoks.ErrOTPBlocked) || !d.Status.Local.BlockedUntil.IsZero():
		return FindingBlocked
	case reported(saltoks.ErrIQOffline) || !d.Status.IQ.Online:
		return FindingIQOffline
	case d.Checked:
		return FindingUnclear
	}
	return d.Status.Finding
}

// DiagnoseOption adds to what Activation.Diagnose examines.
type DiagnoseOption func(*Diagnosis)

// AfterError adds the error of the last command.
func AfterError(err error) DiagnoseOption { return func(d *Diagnosis) { d.Command = err } }

// CheckCode makes SALTO check one code, which changes nothing at an activated
// IQ. A wrong code counts in the breaker; while the breaker is open, no code is
// checked.
func CheckCode() DiagnoseOption { return func(d *Diagnosis) { d.Checked = true } }

// Diagnose compares what SALTO reports, what is stored and both clocks, and
// returns the most likely cause. It changes nothing and sends no code, unless
// CheckCode is given. The error is not nil only if the examination failed; the
// problem that it found is in the Diagnosis.
func (a *Activation) Diagnose(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, opts ...DiagnoseOption) (Diagnosis, error) {
	var d Diagnosis
	for _, o := range opts {
		o(&d)
	}
	at := siteIQ{site, iq}
	local, err := a.State(ctx, site, iq)
	if err != nil {
		return Diagnosis{}, err
	}
	gateway, err := a.client.IQs.Get(ctx, site, iq)
	if err != nil {
		return Diagnosis{}, err
	}
	known, err := a.atSALTO(ctx, at)
	if err != nil {
		return Diagnosis{}, err
	}
	d.Status = iqStatus(gateway, known, local)
	if d.ClockOffset, d.ClockKnown, err = a.clockOffset(ctx); err != nil {
		return Diagnosis{}, err
	}
	if d.Checked = d.Checked && d.Status.Finding == FindingReady; d.Checked {
		d.Check = a.checkCode(ctx, at)
		d.Checked = !errors.Is(d.Check, saltoks.ErrOTPBlocked) || !isNotSent(d.Check)
		if after, err := a.State(ctx, site, iq); err == nil {
			d.Status.Local = after // a wrong code may have opened the breaker
		}
	}
	return d.conclude(), nil
}

// checkCode makes SALTO check one code.
func (a *Activation) checkCode(ctx context.Context, at siteIQ) error {
	doc, code, err := a.prepare(ctx, at, "PUT", "/v1.2/sites/{site}/iqs/{iq}/pin")
	if err != nil {
		return notSentError(err)
	}
	return a.record(ctx, at, doc, a.client.Raw().ConfirmPIN(ctx, at.site, at.iq, code))
}

// clockOffset compares this machine's clock with the Date of an answer of SALTO,
// which has whole seconds.
func (a *Activation) clockOffset(ctx context.Context) (time.Duration, bool, error) {
	r, err := a.client.NewRequest(http.MethodGet, routeMe)
	if err != nil {
		return 0, false, err
	}
	before := a.now()
	resp, err := a.client.Do(ctx, r, nil)
	if err != nil {
		return 0, false, fmt.Errorf("comparing clocks: %w", err)
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false, nil
	}
	middle := before.Add(a.now().Sub(before) / 2)
	return middle.Sub(date.Add(500 * time.Millisecond)).Round(time.Second), true, nil
}

const routeMe = "/v1.2/me"
