package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// Activation activates IQs for one SALTO user. Without it no command reaches a
// lock (WIRE.md 3.3):
//
//	Begin       fetches the first secret                StepSecretStored
//	RequestPIN  makes SALTO send the IQ PIN             StepPINRequested
//	Confirm     sends the PIN that the person entered   StepActivated
//
// Each step is stored before the next one can start, the secret first; after a
// crash, State returns where to continue. Calling a step that was already
// carried out does nothing and is not an error. A step in the wrong order fails with
// ErrActivationNotBegun, ErrPINNotRequested, ErrPINNotNeeded or ErrNotActivator, and
// nothing is sent.
//
// Do not log this user into SALTO's phone app: the app replaces the secret
// without notice, and only SALTO's support can repair that.
//
// Remote.Activation returns one. It is safe for concurrent use, including by
// several processes on one store. The zero Activation refuses every call.
type Activation struct{ *core }

// ActivationStep is the progress of an activation.
type ActivationStep string

// Steps, in their order.
const (
	// StepNotStarted: nothing is stored.
	StepNotStarted ActivationStep = ""
	// StepSecretStored: the IQ's secret is stored; request the PIN next.
	StepSecretStored ActivationStep = "secret_stored"
	// StepPINRequested: SALTO was asked to send the PIN; confirm it next, or
	// request it again.
	StepPINRequested ActivationStep = "pin_requested"
	// StepConfirming: the PIN was sent to SALTO, but its answer was lost.
	// Resume asks SALTO for the result.
	StepConfirming ActivationStep = "confirming"
	// StepActivated: commands may be sent.
	StepActivated ActivationStep = "activated"
)

// ActivationState is what is stored about one activation. It holds no secret.
// Times are UTC.
type ActivationState struct {
	Site saltoks.SiteID `json:"site"`
	IQ   saltoks.IQID   `json:"iq"`
	Step ActivationStep `json:"step"`
	// Adopted: the secret was fetched by Adopt, so no PIN is requested.
	Adopted bool `json:"adopted"`
	// Channel is how the PIN was last requested, PINRequestedAt is when.
	Channel        saltoks.PINChannel `json:"channel,omitzero"`
	PINRequestedAt time.Time          `json:"pin_requested_at,omitzero"`
	// ActivatedAt is when the activation was confirmed.
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	// BlockedUntil is when codes are sent again after wrong codes; zero if they
	// are sent now.
	BlockedUntil time.Time `json:"blocked_until,omitzero"`
}

// Errors of steps in the wrong order. Nothing was sent.
var (
	// ErrActivationNotBegun: the step requires the IQ's secret.
	ErrActivationNotBegun = errors.New("the IQ's activation was not started: call Begin first")
	// ErrPINNotRequested: no PIN was requested, so there is none to confirm.
	ErrPINNotRequested = errors.New("no IQ PIN was requested: call RequestPIN first")
	// ErrPINNotNeeded: after Adopt, the PIN is the one the user already has.
	ErrPINNotNeeded = errors.New("this secret was adopted: confirm it with the IQ PIN that the user already has")
	// ErrNotActivator: only the SALTO user that activated an IQ here may
	// deactivate it.
	ErrNotActivator = errors.New("only the SALTO user that activated this IQ here may deactivate it")
)

// ErrActivationLost means that this IQ was activated here, and SALTO no longer reports this
// user as activated: the IQ or the user's PIN was reset. The stored secret and PIN
// are useless; Restart begins again.
var ErrActivationLost = errors.New("SALTO has reset this user's activation at the IQ: call Restart")

var errInProgress = errors.New("an IQ PIN was sent to SALTO, which may still accept it: wait a minute, then try again")

// State returns what is stored; it makes no call.
func (a *Activation) State(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at := siteIQ{site, iq}
	doc, err := a.load(ctx, at)
	return a.done(at, doc, notSentError(err))
}

// done builds the result of every method.
func (a *Activation) done(at siteIQ, doc iqDoc, err error) (ActivationState, error) {
	s := ActivationState{
		Site: at.site, IQ: at.iq, Step: doc.Step, Adopted: doc.Adopted,
		Channel: saltoks.PINChannel(doc.Channel), PINRequestedAt: doc.PINRequestedAt, ActivatedAt: doc.ActivatedAt,
	}
	if doc.Breaker != (breaker{}) {
		s.BlockedUntil = doc.Breaker.openUntil(a.now())
	}
	return s, err
}

// stillActivated asks SALTO whether an IQ that is activated here is still
// activated there. Without this check, any PIN would seem to activate an IQ
// that SALTO has reset.
func (a *Activation) stillActivated(ctx context.Context, at siteIQ) error {
	iq, err := a.client.IQs.Get(ctx, at.site, at.iq)
	if err != nil {
		return err
	}
	if iq.RestoreRequired {
		return fmt.Errorf("IQ %s: %w: restore it (IQs.Restore), then call Restart", at.iq, saltoks.ErrRestoreRequired)
	}
	known, err := a.atSALTO(ctx, at)
	if err == nil && !known.Activated {
		err = fmt.Errorf("IQ %s: %w", at.iq, ErrActivationLost)
	}
	return err
}

// atSALTO returns what SALTO reports about this user at the IQ; zero if it has no
// record of the two.
func (a *Activation) atSALTO(ctx context.Context, at siteIQ) (saltoks.ActivatedIQ, error) {
	for known, err := range a.client.Me.ActivatedIQs(ctx, at.site) {
		if err != nil {
			return saltoks.ActivatedIQ{}, err
		}
		if known.IQ == at.iq {
			return known, nil
		}
	}
	return saltoks.ActivatedIQ{}, nil
}

// Deactivate ends this user's activation at the IQ, at SALTO and here. Only the
// user that activated the IQ here may do this: for any other user it fails
// without a call (ErrNotActivator, ErrOtherUser). The client must have
// UnverifiedEndpoints set. If the answer is lost, Deactivate asks SALTO for the
// result.
func (a *Activation) Deactivate(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at := siteIQ{site, iq}
	doc, err := a.load(ctx, at)
	if err == nil {
		_, _, err = doc.apply(event{kind: deactivate, at: at, now: a.now()})
	}
	if err == nil {
		err = a.sameUser(ctx)
	}
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	me, err := a.client.Me.Get(ctx)
	if err != nil {
		return a.done(at, doc, err)
	}
	code, err := a.code(ctx, at, doc)
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	answer := a.client.Raw().Deactivate(ctx, site, iq, me.ID, code)
	if isUnconfirmed(answer) {
		if known, err := a.atSALTO(ctx, at); err == nil && !known.Activated {
			answer = nil
		}
	}
	if answer != nil {
		return a.done(at, doc, a.record(ctx, at, doc, answer))
	}
	next, err := a.answered(ctx, at, event{kind: deactivated, sent: doc})
	if err != nil {
		err = saltoks.NewUnconfirmedError(fmt.Errorf("IQ %s is deactivated at SALTO, but that could not be stored: %w", iq, err))
		return a.done(at, doc, err)
	}
	return a.done(at, next, nil)
}

// whileHeld makes a call to SALTO while it holds the document, so that two processes
// do not both make it, and stores the effect of e. answer is the error of the call.
// A failed call has no effect, but a PIN may have been sent without an answer.
func (a *Activation) whileHeld(ctx context.Context, at siteIQ, e *event, call func(context.Context) error) (doc iqDoc, answer, err error) {
	doc, err = a.update(ctx, at, func(doc *iqDoc) error {
		e.at, e.now, e.sent = at, a.now(), *doc
		_, required, err := doc.apply(*e)
		if err != nil || !required {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, stepLimit)
		defer cancel()
		answer = call(limited)
		if answer != nil && (e.kind != requestPIN || !isUnconfirmed(answer)) {
			return answer
		}
		e.now = a.now()
		*doc, _, err = doc.apply(*e)
		return err
	})
	return doc, answer, err
}

// answered stores the effect of an answer from SALTO, even if ctx has ended.
func (a *Activation) answered(ctx context.Context, at siteIQ, e event) (iqDoc, error) {
	return a.updateAfter(ctx, at, func(doc *iqDoc) (err error) {
		e.at, e.now = at, a.now()
		*doc, _, err = doc.apply(e)
		return err
	})
}

// stepLimit bounds a call that is made while the document is locked.
const stepLimit = 14 * time.Second
