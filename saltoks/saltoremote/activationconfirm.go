package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

// Confirm finishes the activation with the PIN that the person typed. A wrong
// PIN keeps the step, so that it can be typed again, and counts in the breaker:
// the second wrong one holds everything back for 21 minutes. The PIN stays as
// SALTO sent it. When the answer is lost, SALTO is asked at once whether the
// activation happened; while that is not known either, the step is
// StepConfirming, and Resume or Confirm again settles it. For a minute, only the
// same PIN is taken then: codes will be made of the one that SALTO takes.
func (a *Activation) Confirm(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, pin saltoks.IQPIN) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err == nil && pin.IsZero() {
		err = saltoks.ErrBadIQPIN
	}
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	doc, err := a.load(ctx, at)
	if err == nil && doc.Step == StepConfirming {
		doc, err = a.settle(ctx, at) // the PIN sent before may have been the right one
	}
	if err == nil && doc.Step == StepActivated {
		return a.done(at, doc, notSentError(a.stillActivated(ctx, at)))
	}
	if err == nil {
		err = a.sameUser(ctx)
	}
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	// The PIN is stored before it is sent: should the answer be lost and this
	// process die, the activation is still of use.
	sent, err := a.update(ctx, at, func(doc *iqDoc) error {
		if err := mayConfirm(doc); err != nil || doc.Step == StepActivated {
			return err
		}
		if err := doc.Breaker.holds(at, a.now()); err != nil {
			return err
		}
		if doc.underWay(a.now()) && !doc.PIN.Equal(saltoks.NewSecret(pin.Reveal())) {
			return errUnderWay
		}
		doc.Step, doc.PIN, doc.ConfirmingAt = StepConfirming, storedsecret.New(saltoks.NewSecret(pin.Reveal())), a.now().UTC()
		return nil
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
	doc, err = a.updateAfter(ctx, at, func(doc *iqDoc) error {
		doc.Breaker = doc.Breaker.after(a.now(), answer)
		mine := doc.Secret.Equal(sent.Secret.Secret)
		switch {
		case answer == nil && mine:
			doc.Step, doc.PIN, doc.ActivatedAt = StepActivated, sent.PIN, a.now().UTC()
		case mine && doc.Step == StepConfirming && doc.ConfirmingAt.Equal(sent.ConfirmingAt):
			doc.Step, doc.PIN = sent.stepBefore(), storedsecret.Secret{}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("saltoks: SALTO has answered the confirmation of IQ %s but that could not be stored: call Resume: %w", iq, err)
		if answer == nil {
			return a.done(at, sent, saltoks.NewUnconfirmedError(err))
		}
		return a.done(at, sent, also(answer, err))
	}
	return a.done(at, doc, answer)
}

var errUnderWay = errors.New("saltoks: an IQ PIN was sent to SALTO and may still be taken: wait a minute, then try again")

// underWay reports that SALTO may still carry a confirmation out. After Adopt the
// user was activated before, and nothing is concluded from that.
func (d *iqDoc) underWay(now time.Time) bool {
	return d.Step == StepConfirming && !d.Adopted && now.Sub(d.ConfirmingAt).Abs() <= confirmLimit
}

func mayConfirm(doc *iqDoc) error {
	switch {
	case doc.Step == StepNotStarted:
		return ErrActivationNotBegun
	case doc.Step == StepSecretStored && !doc.Adopted:
		return ErrPINNotRequested
	}
	return nil
}

// stepBefore is where a refused confirmation goes back to.
func (d *iqDoc) stepBefore() ActivationStep {
	if d.Adopted {
		return StepSecretStored
	}
	return StepPINRequested
}

// sendConfirm makes the call with a code of the PIN that is being confirmed;
// SALTO checks it against the PIN it sent (WIRE.md 2.4).
func (a *Activation) sendConfirm(ctx context.Context, at siteIQ, secret saltoks.Secret, pin saltoks.IQPIN) error {
	code, err := a.local.code(ctx, at, saltoks.IQKey{Secret: secret, PIN: pin})
	if err != nil {
		return notSentError(err)
	}
	return a.iqs.ConfirmPIN(ctx, at.site, at.iq, code)
}

// Resume asks SALTO what became of a confirmation whose answer was lost; at any
// other step it makes no call. A host calls it when it shows the activation.
func (a *Activation) Resume(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	doc, err := a.load(ctx, at)
	if err == nil && doc.Step == StepConfirming {
		doc, err = a.settle(ctx, at)
	}
	return a.done(at, doc, notSentError(err))
}

// confirmLimit is how long a confirmation without an answer may still be under
// way at SALTO.
const confirmLimit = time.Minute

// settle turns StepConfirming into what SALTO says. After Adopt the user was
// activated before, so SALTO's word proves nothing about the PIN: it has to be
// confirmed again, which changes nothing there.
func (a *Activation) settle(ctx context.Context, at siteIQ) (iqDoc, error) {
	doc, err := a.load(ctx, at)
	if err != nil || doc.Step != StepConfirming {
		return doc, err
	}
	var known saltoks.ActivatedIQ
	if !doc.Adopted {
		if known, err = a.atSALTO(ctx, at); err != nil {
			return doc, err
		}
	}
	asked := doc
	return a.updateAfter(ctx, at, func(doc *iqDoc) error {
		switch {
		case doc.Step != StepConfirming || !doc.ConfirmingAt.Equal(asked.ConfirmingAt):
			// somebody else has settled it, or confirms anew
		case known.Activated:
			doc.Step, doc.ActivatedAt = StepActivated, known.ActivatedAt.UTC()
			doc.Breaker = doc.Breaker.after(a.now(), nil)
		case a.now().Sub(doc.ConfirmingAt) > confirmLimit:
			doc.Step, doc.PIN = doc.stepBefore(), storedsecret.Secret{}
		}
		return nil
	})
}

// ErrActivationLost: this IQ was activated here, and SALTO no longer has this user
// as activated at it: the IQ or the user's PIN was reset. The stored secret and
// PIN are of no use any more; Restart begins again.
var ErrActivationLost = errors.New("SALTO has reset this user's activation at the IQ: call Restart")

// stillActivated asks SALTO about an IQ that is activated here. Without it, any
// PIN would seem to activate an IQ that SALTO has reset.
func (a *Activation) stillActivated(ctx context.Context, at siteIQ) error {
	iq, err := a.iqs.Get(ctx, at.site, at.iq)
	if err != nil {
		return err
	}
	if iq.RestoreRequired {
		return fmt.Errorf("saltoks: IQ %s: %w: restore it (IQs.Restore), then call Restart", at.iq, saltoks.ErrRestoreRequired)
	}
	known, err := a.atSALTO(ctx, at)
	if err == nil && !known.Activated {
		err = fmt.Errorf("saltoks: IQ %s: %w", at.iq, ErrActivationLost)
	}
	return err
}

// atSALTO is what SALTO says about this user at the IQ; zero when it does not
// know the two together.
func (a *Activation) atSALTO(ctx context.Context, at siteIQ) (saltoks.ActivatedIQ, error) {
	for known, err := range a.me.ActivatedIQs(ctx, at.site) {
		if err != nil {
			return saltoks.ActivatedIQ{}, err
		}
		if known.IQ == at.iq {
			return known, nil
		}
	}
	return saltoks.ActivatedIQ{}, nil
}
