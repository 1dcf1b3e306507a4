package saltoremote

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/saltoks"
)

// RequestPIN makes SALTO send a new IQ PIN to the user by mail or SMS; call it
// again to resend. The IQ must be online. If the answer is lost (the error is
// Unconfirmed), the PIN may still arrive, and Confirm is possible.
func (a *Activation) RequestPIN(
	ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, channel saltoks.PINChannel,
) (ActivationState, error) {
	at := siteIQ{site, iq}
	request := event{kind: requestPIN, at: at, channel: channel}
	before, err := a.settle(ctx, at) // a PIN that SALTO has accepted must not be replaced
	if err == nil && before.Step == StepActivated {
		err = a.stillActivated(ctx, at)
	}
	if err == nil {
		_, _, err = before.apply(request)
	}
	if err == nil {
		err = a.sameUser(ctx)
	}
	if err != nil {
		return a.done(at, before, notSentError(err))
	}
	doc, answer, err := a.whileHeld(ctx, at, &request, func(ctx context.Context) error {
		return a.client.Raw().RequestPIN(ctx, site, iq, channel)
	})
	switch {
	case answer != nil && !isUnconfirmed(answer):
		if errors.Is(answer, saltoks.ErrIQAlreadyActivated) {
			answer = activatedElsewhere(at, answer)
		}
		return a.done(at, before, answer)
	case err != nil && answer == nil && doc.Step == StepPINRequested:
		err = fmt.Errorf("the IQ PIN was requested, but that could not be stored: request it again: %w", err)
		return a.done(at, before, saltoks.NewUnconfirmedError(err))
	case err != nil:
		return a.done(at, before, also(answer, notSentError(err)))
	}
	return a.done(at, doc, answer)
}

// Confirm finishes the activation with the PIN that the person entered. A wrong
// PIN keeps the step, so that it can be entered again, and counts in the
// breaker: after the second wrong one, nothing is sent for 21 minutes. If the
// answer is lost, Confirm immediately asks SALTO whether the user is activated.
// If that is unknown too, the step is StepConfirming, and Resume or another
// Confirm asks again. For a minute after a PIN was sent without an answer,
// Confirm refuses another PIN, because SALTO may still accept the first one.
func (a *Activation) Confirm(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, pin saltoks.IQPIN) (ActivationState, error) {
	if pin.IsZero() {
		return ActivationState{}, notSentError(saltoks.ErrBadIQPIN)
	}
	at := siteIQ{site, iq}
	doc, err := a.settle(ctx, at) // an earlier PIN may have been accepted
	if err == nil && doc.Step == StepActivated {
		return a.done(at, doc, notSentError(a.stillActivated(ctx, at)))
	}
	if err == nil {
		err = a.sameUser(ctx)
	}
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	// The PIN is stored before it is sent: if the answer is lost and this process
	// ends, the activation can still be used.
	sent, err := a.update(ctx, at, func(doc *iqDoc) (err error) {
		*doc, _, err = doc.apply(event{kind: confirm, at: at, now: a.now(), pin: saltoks.NewSecret(pin.Reveal())})
		return err
	})
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	if sent.Step == StepActivated { // by another process, just now
		return a.done(at, sent, nil)
	}
	answer := a.sendConfirm(ctx, at, sent.Secret.Secret, pin)
	if isUnconfirmed(answer) {
		doc, err := a.settle(ctx, at)
		if err == nil && doc.Step == StepActivated {
			return a.done(at, doc, nil)
		}
		return a.done(at, sent, also(answer, err))
	}
	e := event{kind: confirmed, at: at, sent: sent}
	if answer != nil {
		e.kind = refused
	}
	doc, err = a.updateAfter(ctx, at, func(doc *iqDoc) (err error) {
		e.now = a.now()
		doc.Breaker = doc.Breaker.after(e.now, answer)
		*doc, _, err = doc.apply(e)
		return err
	})
	if err != nil {
		err = fmt.Errorf("SALTO has answered the confirmation of IQ %s but that could not be stored: call Resume: %w", iq, err)
		if answer == nil {
			return a.done(at, sent, saltoks.NewUnconfirmedError(err))
		}
		return a.done(at, sent, also(answer, err))
	}
	if errors.Is(answer, saltoks.ErrOTPInvalid) {
		answer = fmt.Errorf("the PIN is wrong, or a newer one was sent: enter the PIN of the newest message: %w", answer)
	}
	return a.done(at, doc, answer)
}

// sendConfirm makes the call with a code computed from the PIN that is being
// confirmed. SALTO checks the code against the PIN that it sent.
func (a *Activation) sendConfirm(ctx context.Context, at siteIQ, secret saltoks.Secret, pin saltoks.IQPIN) error {
	code, err := a.local.code(ctx, at, saltoks.IQKey{Secret: secret, PIN: pin})
	if err != nil {
		return notSentError(err)
	}
	return a.client.Raw().ConfirmPIN(ctx, at.site, at.iq, code)
}

// Resume asks SALTO for the result of a confirmation whose answer was lost; at
// any other step it makes no call. Call it before you show the activation to a
// person.
func (a *Activation) Resume(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at := siteIQ{site, iq}
	doc, err := a.settle(ctx, at)
	return a.done(at, doc, notSentError(err))
}

// settle resolves StepConfirming with what SALTO reports; at any other step it
// only reads the document. After Adopt the user was already activated, so
// SALTO's report proves nothing about the PIN: the PIN must be confirmed again,
// which changes nothing at SALTO.
func (a *Activation) settle(ctx context.Context, at siteIQ) (iqDoc, error) {
	doc, err := a.load(ctx, at)
	if err != nil || doc.Step != StepConfirming {
		return doc, err
	}
	e := event{kind: notFound, sent: doc}
	if !doc.Adopted {
		known, err := a.atSALTO(ctx, at)
		if err != nil {
			return doc, err
		}
		if known.Activated {
			e.kind, e.since = found, known.ActivatedAt
		}
	}
	settled, err := a.answered(ctx, at, e)
	if err != nil {
		return doc, err
	}
	return settled, nil
}
