package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// Begin fetches this user's first secret at the IQ and stores it. SALTO returns
// it only until the user is activated there; after that the error is
// ErrActivatedElsewhere.
func (a *Activation) Begin(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	return a.fetchSecret(ctx, site, iq, begin, a.firstSecret)
}

// Restart is Begin for an IQ that was reset (ErrRestoreRequired,
// ErrActivationLost): the previous secret and PIN are useless. It fails while
// SALTO reports this user as activated, or may still do so shortly, so it
// cannot destroy a working activation.
func (a *Activation) Restart(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at := siteIQ{site, iq}
	doc, err := a.load(ctx, at)
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	known, err := a.atSALTO(ctx, at)
	if err == nil && known.Activated {
		err = fmt.Errorf("restarting the activation of IQ %s: SALTO reports it as activated, nothing was changed: %w",
			iq, saltoks.ErrIQAlreadyActivated)
	}
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	return a.fetchSecret(ctx, site, iq, restart, a.firstSecret)
}

// Adopt fetches the secret of a user who was activated by another integration:
// SALTO returns the secret again for a code from that integration. Then confirm
// it with the IQ PIN that the user already has. A wrong code counts in the
// breaker. It is not known whether the other integration's secret stays valid
// (WIRE.md 6).
func (a *Activation) Adopt(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, code saltoks.OTP) (ActivationState, error) {
	if code.IsZero() {
		return ActivationState{}, notSentError(errors.New("Adopt requires the one-time code that the user has"))
	}
	fetch := func(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.Secret, error) {
		secret, err := a.client.Raw().SecretByOTP(ctx, site, iq, code)
		if e, ok := errors.AsType[*saltoks.APIError](err); ok && e.Status == 403 && e.Code == "" {
			err = also(err, saltoks.ErrOTPInvalid) // SALTO answers a wrong code with a bare 403 too
		}
		return secret, err
	}
	return a.fetchSecret(ctx, site, iq, adopt, fetch)
}

func (a *Activation) firstSecret(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.Secret, error) {
	return a.client.Raw().FirstSecret(ctx, site, iq)
}

// fetchSecret carries out begin, restart or adopt: the steps that fetch a
// secret.
func (a *Activation) fetchSecret(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, verb eventKind, fetch fetchFunc,
) (ActivationState, error) {
	at := siteIQ{site, iq}
	before, err := a.load(ctx, at)
	required := false // whether a secret has to be fetched
	if err == nil {
		_, required, err = before.apply(event{kind: verb, at: at, now: a.now()})
	}
	switch {
	case err != nil:
	case required:
		if err = a.sameUser(ctx); err == nil {
			err = a.track(ctx, at, a.nameOf(ctx, at))
		}
	case before.Step == StepActivated:
		err = a.stillActivated(ctx, at)
	}
	if err != nil || !required {
		return a.done(at, before, notSentError(err))
	}
	doc, answer, err := a.storeSecret(ctx, at, verb, fetch)
	switch {
	case err == nil:
		return a.done(at, doc, nil)
	case answer != nil && verb == adopt:
		return a.done(at, before, a.record(ctx, at, before, answer))
	case answer != nil:
		return a.done(at, before, a.explainRefusal(ctx, at, answer))
	}
	return a.done(at, before, err)
}

// fetchFunc makes SALTO return a secret.
type fetchFunc func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.Secret, error)

// storeSecret fetches a secret and stores it. answer is SALTO's refusal.
func (a *Activation) storeSecret(ctx context.Context, at siteIQ, verb eventKind, fetch fetchFunc) (doc iqDoc, answer, err error) {
	e := event{kind: verb}
	doc, answer, err = a.whileHeld(ctx, at, &e, func(ctx context.Context) (err error) {
		e.secret, err = fetch(ctx, at.site, at.iq)
		return err
	})
	if err == nil || answer != nil {
		return doc, answer, err
	}
	if e.secret.IsZero() {
		return doc, nil, notSentError(err)
	}
	// SALTO may not return another secret: try again to store this one,
	// unless another process has changed the activation in the meantime.
	doc, err = a.updateAfter(ctx, at, func(doc *iqDoc) (err error) {
		if doc.Step == e.sent.Step && sameSecret(*doc, e) {
			*doc, _, err = doc.apply(e)
		}
		return err
	})
	if err != nil {
		err = saltoks.NewUnconfirmedError(fmt.Errorf("SALTO returned the secret of IQ %s but it could not be stored: repair the store"+
			" and begin again; if SALTO then refuses, its support must reset the activation: %w", at.iq, err))
	}
	return doc, nil, err
}

// nameLimit bounds the read of an IQ's name.
const nameLimit = 5 * time.Second

// nameOf returns the IQ's name, which Forget shows to a person; "" if it cannot be
// read.
func (a *Activation) nameOf(ctx context.Context, at siteIQ) string {
	ctx, cancel := context.WithTimeout(ctx, nameLimit)
	defer cancel()
	iq, err := a.client.IQs.Get(ctx, at.site, at.iq)
	if err != nil {
		return ""
	}
	return iq.Name
}

// ErrActivatedElsewhere means that this user is already activated at the IQ, or
// that SALTO has already returned the secret and will not return it again. It wraps
// ErrIQAlreadyActivated.
var ErrActivatedElsewhere = fmt.Errorf("%w outside of this installation, and SALTO returns the first secret only once:"+
	" if the user still has a code and the IQ PIN from there, use Activation.Adopt;"+
	" otherwise ask SALTO's support to reset the activation, then begin again", saltoks.ErrIQAlreadyActivated)

func activatedElsewhere(at siteIQ, refusal error) error {
	return fmt.Errorf("IQ %s: %w: %w", at.iq, ErrActivatedElsewhere, refusal)
}

// explainRefusal determines why SALTO refused the first secret. Code 2203 also
// means a missing right; in that case SALTO has no record of this user at the
// IQ.
func (a *Activation) explainRefusal(ctx context.Context, at siteIQ, answer error) error {
	e, ok := errors.AsType[*saltoks.APIError](answer)
	elsewhere := errors.Is(answer, saltoks.ErrIQAlreadyActivated)
	if !elsewhere && ok && e.Status == 403 && e.Code == "2203" {
		known, err := a.atSALTO(ctx, at)
		elsewhere = err == nil && known.IQ == at.iq
	}
	if elsewhere {
		return activatedElsewhere(at, answer)
	}
	return answer
}
