package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// Finding is what is wrong between one SALTO user and one IQ.
type Finding string

// Findings. Diagnosis.Advice says what to do about each.
const (
	// FindingHealthy: SALTO took a code just now.
	FindingHealthy Finding = "healthy"
	// FindingNoFault: nothing speaks against it, but no code was checked.
	FindingNoFault Finding = "no_fault_known"
	// FindingNotActivated: the IQ was never activated for this user.
	FindingNotActivated Finding = "not_activated"
	// FindingUnfinished: the activation was begun here and not finished.
	FindingUnfinished Finding = "activation_unfinished"
	// FindingActivatedElsewhere: activated, but not by us: the secret is not here.
	FindingActivatedElsewhere Finding = "activated_elsewhere"
	// FindingActivationLost: activated here, but SALTO no longer has it so.
	FindingActivationLost Finding = "activation_lost"
	// FindingRestoreRequired: the IQ was reset; secret and PIN are dead.
	FindingRestoreRequired Finding = "restore_required"
	// FindingPINNotChanged: SALTO still waits for the PIN to be confirmed.
	FindingPINNotChanged Finding = "pin_not_changed"
	// FindingClockSkew: this machine's clock is too far off for codes.
	FindingClockSkew Finding = "clock_skew"
	// FindingIQClock: SALTO's cloud takes the code, the IQ does not.
	FindingIQClock Finding = "iq_refuses_code"
	// FindingAppLogin: everything is right but the secret: somebody logged this
	// SALTO user into the phone app, which makes a new one without a word
	// (WIRE.md 3.3, measured).
	FindingAppLogin Finding = "app_login"
	// FindingWrongCode: codes are refused, and whether the clock is to blame is
	// not known.
	FindingWrongCode Finding = "wrong_code"
	// FindingBlocked: codes are held back; nothing can be checked before Until.
	FindingBlocked Finding = "blocked"
	// FindingIQOffline: the IQ does not answer.
	FindingIQOffline Finding = "iq_offline"
	// FindingUnclear: the check failed for a reason that says nothing of codes.
	FindingUnclear Finding = "unclear"
)

var findingAdvice = map[Finding]string{
	FindingHealthy:            "SALTO took a one-time code just now: commands can be sent.",
	FindingNoFault:            "Nothing is known against it. Check a code to be sure.",
	FindingNotActivated:       "Activate the IQ: request the PIN and enter it.",
	FindingUnfinished:         "Go on with the activation: enter the PIN, or request it again.",
	FindingActivatedElsewhere: "This SALTO user was activated outside of this installation. If the user still has a code and the PIN from there, adopt it; otherwise ask SALTO's support to reset the activation, then activate the IQ here.",
	FindingActivationLost:     "SALTO no longer has this user as activated: somebody reset it. Restart the activation.",
	FindingRestoreRequired:    "The IQ was reset. Restore it, then restart the activation of every user.",
	FindingPINNotChanged:      "SALTO waits for the PIN to be confirmed. Check a code: that confirms it.",
	FindingClockSkew:          "The clock of this machine is wrong: set it by the network, then try again.",
	FindingIQClock:            "SALTO's cloud takes the code but the IQ does not: its clock or its copy of the PIN is off. Power-cycle the IQ; if that does not help, ask SALTO's support.",
	FindingAppLogin:           "Somebody logged this SALTO user into the phone app, which replaced the secret. Ask SALTO's support to reset the activation, restart it here, and keep the user out of the app.",
	FindingWrongCode:          "One-time codes are refused. Compare this machine's clock with true time; if it is right, somebody logged this SALTO user into the phone app.",
	FindingBlocked:            "One-time codes are held back because some were wrong. Wait, then check one.",
	FindingIQOffline:          "The IQ is offline: look at its power and network.",
	FindingUnclear:            "The check failed for another reason; see its error.",
}

// Symptoms is what is known about one user at one IQ.
type Symptoms struct {
	Status IQStatus
	// Command is the error of the last command, if there was one.
	Command error
	// ClockOffset is this machine's clock minus SALTO's; it counts if ClockKnown.
	ClockOffset time.Duration
	ClockKnown  bool
	// Checked: a code was checked, with Check as the answer.
	Checked bool
	Check   error
}

// Diagnosis is the most likely cause, and what it was concluded from.
type Diagnosis struct {
	Finding Finding
	// Advice says in a sentence or two, for a person, what to do.
	Advice string
	// Until is when codes are sent again; zero when they are not held back.
	Until time.Time
	Symptoms
}

// clockTolerance is where a wrong clock becomes a likely cause: SALTO allows
// three minutes, LocalOTP uses one of them.
const clockTolerance = 110 * time.Second

// Diagnose concludes from what is known. It is pure.
func (s Symptoms) Diagnose() Diagnosis {
	f := s.finding()
	return Diagnosis{Finding: f, Advice: findingAdvice[f], Until: s.Status.Local.BlockedUntil, Symptoms: s}
}

func (s Symptoms) finding() Finding {
	says := func(cause error) bool { return errors.Is(s.Command, cause) || errors.Is(s.Check, cause) }
	switch s.Status.Readiness {
	case IQRestoreRequired:
		return FindingRestoreRequired
	case IQNotActivated:
		return FindingNotActivated
	case IQInProgress:
		return FindingUnfinished
	case IQActivatedElsewhere:
		return FindingActivatedElsewhere
	case IQActivationLost:
		return FindingActivationLost
	}
	switch {
	case says(saltoks.ErrRestoreRequired):
		return FindingRestoreRequired
	case s.Checked && s.Check == nil && errors.Is(s.Command, saltoks.ErrOTPInvalid):
		return FindingIQClock
	case s.Checked && s.Check == nil:
		return FindingHealthy
	case says(saltoks.ErrIQPINNotChanged):
		return FindingPINNotChanged
	case s.Status.Readiness != IQNeedsNoCode && s.ClockKnown && s.ClockOffset.Abs() > clockTolerance:
		return FindingClockSkew
	case says(saltoks.ErrOTPInvalid) && s.ClockKnown:
		return FindingAppLogin
	case says(saltoks.ErrOTPInvalid):
		return FindingWrongCode
	case says(saltoks.ErrOTPBlocked) || !s.Status.Local.BlockedUntil.IsZero():
		return FindingBlocked
	case says(saltoks.ErrIQOffline) || !s.Status.IQ.Online:
		return FindingIQOffline
	case s.Checked:
		return FindingUnclear
	}
	return FindingNoFault
}

// DiagnoseOption adds to what Activation.Diagnose looks at.
type DiagnoseOption func(*diagnoseConfig)

type diagnoseConfig struct {
	command error
	check   bool
}

// AfterError tells the error of the last command.
func AfterError(err error) DiagnoseOption { return func(c *diagnoseConfig) { c.command = err } }

// CheckCode has SALTO check one code, which changes nothing at an activated IQ
// (WIRE.md 2.4, measured). A wrong one counts in the breaker, and nothing is
// checked while that is open.
func CheckCode() DiagnoseOption { return func(c *diagnoseConfig) { c.check = true } }

// Diagnose looks at what SALTO and the store say of this user at the IQ and at
// both clocks, and concludes. It changes nothing and sends no code, unless
// CheckCode asks for it. The error is one of looking, not of what was found.
func (a *Activation) Diagnose(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, opts ...DiagnoseOption) (Diagnosis, error) {
	var cfg diagnoseConfig
	for _, o := range opts {
		if o != nil {
			o(&cfg)
		}
	}
	at, err := a.place(site, iq)
	if err != nil {
		return Diagnosis{}, notSentError(err)
	}
	gateway, err := a.iqs.Get(ctx, site, iq)
	if err != nil {
		return Diagnosis{}, err
	}
	known, err := a.atSALTO(ctx, at)
	if err != nil {
		return Diagnosis{}, err
	}
	local, err := a.State(ctx, site, iq)
	if err != nil {
		return Diagnosis{}, err
	}
	s := Symptoms{Status: iqStatus(gateway, known, local), Command: cfg.command}
	if s.ClockOffset, s.ClockKnown, err = a.clockOffset(ctx); err != nil {
		return Diagnosis{}, err
	}
	if cfg.check && s.Status.Readiness == IQReady {
		s.Check = a.checkCode(ctx, at)
		var held *OTPBlockedError
		s.Checked = !errors.As(s.Check, &held)
		if after, err := a.State(ctx, site, iq); err == nil {
			s.Status.Local = after // a wrong code may have opened the breaker
		}
	}
	return s.Diagnose(), nil
}

// checkCode has SALTO check one code.
func (a *Activation) checkCode(ctx context.Context, at siteIQ) error {
	doc, err := a.load(ctx, at)
	if err != nil {
		return notSentError(err)
	}
	if err := doc.Breaker.holds(at, a.now()); err != nil {
		return notSentError(err)
	}
	if err := a.sameUser(ctx); err != nil {
		return notSentError(err)
	}
	code, err := a.code(ctx, at, doc)
	if err != nil {
		return notSentError(err)
	}
	answer := a.iqs.ConfirmPIN(ctx, at.site, at.iq, code)
	if err := a.record(ctx, at, doc, a.now(), answer); err != nil && answer != nil {
		return also(answer, err)
	}
	return answer
}

// clockOffset compares this machine's clock with the Date of an answer of
// SALTO's, which has whole seconds.
func (a *Activation) clockOffset(ctx context.Context) (time.Duration, bool, error) {
	r, err := a.client.NewRequest(http.MethodGet, routeMe)
	if err != nil {
		return 0, false, err
	}
	before := a.now()
	resp, err := a.client.Do(ctx, r, nil)
	if err != nil {
		return 0, false, fmt.Errorf("saltoks: comparing clocks: %w", err)
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false, nil
	}
	middle := before.Add(a.now().Sub(before) / 2)
	return middle.Sub(date.Add(500 * time.Millisecond)).Round(time.Second), true, nil
}

const routeMe = "/v1.2/me"
