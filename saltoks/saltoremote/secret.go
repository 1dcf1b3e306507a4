package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// Begin fetches this user's first secret at the IQ and stores it. SALTO returns
// it only until the user is activated there; after that the error is an
// *ActivatedElsewhereError.
func (a *Activation) Begin(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	return a.fetchSecret(ctx, site, iq, begin, a.firstSecret)
}

// Restart is Begin for an IQ that was reset (ErrRestoreRequired,
// ErrActivationLost): the previous secret and PIN are useless. It fails while
// SALTO reports this user as activated, or may still do so shortly, so it
// cannot destroy a working activation.
func (a *Activation) Restart(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	known, err := a.atSALTO(ctx, at)
	if err == nil && known.Activated {
		err = fmt.Errorf("restarting the activation of IQ %s: SALTO reports it as activated, nothing was changed: %w",
			iq, saltoks.ErrIQAlreadyActivated)
	}
	if err != nil {
		doc, loadErr := a.load(ctx, at)
		return a.done(at, doc, notSentError(also(err, loadErr)))
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
func (a *Activation) fetchSecret(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, verb eventKind,
	fetch func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.Secret, error),
) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	before, err := a.load(ctx, at)
	wanted := false
	if err == nil {
		_, wanted, err = before.apply(event{kind: verb, at: at, now: a.now()})
	}
	switch {
	case err != nil:
	case wanted:
		if err = a.sameUser(ctx); err == nil {
			err = a.track(ctx, at, a.nameOf(ctx, at))
		}
	case before.Step == StepActivated:
		err = a.stillActivated(ctx, at)
	}
	if err != nil || !wanted {
		return a.done(at, before, notSentError(err))
	}
	f := secretFetch{at: at, verb: verb}
	doc, err := f.run(ctx, a, func(ctx context.Context) (saltoks.Secret, error) { return fetch(ctx, site, iq) })
	switch {
	case err == nil:
		return a.done(at, doc, nil)
	case f.answer != nil && verb == adopt:
		return a.done(at, before, also(f.answer, a.record(ctx, at, before, a.now(), f.answer)))
	case f.answer != nil:
		return a.done(at, before, a.explainRefusal(ctx, at, f.answer))
	case f.secret.IsZero():
		return a.done(at, before, notSentError(err))
	}
	err = fmt.Errorf("SALTO returned the secret of IQ %s but it could not be stored: repair the store and begin again;"+
		" if SALTO then refuses, its support must reset the activation: %w", iq, err)
	return a.done(at, before, saltoks.NewUnconfirmedError(err))
}

// secretFetch is one call that fetches a secret.
type secretFetch struct {
	at     siteIQ
	verb   eventKind
	secret saltoks.Secret
	answer error // SALTO's refusal
}

// run makes the call and stores the secret. The document stays locked meanwhile:
// two callers must not each get a secret.
func (f *secretFetch) run(ctx context.Context, a *Activation, call func(context.Context) (saltoks.Secret, error)) (iqDoc, error) {
	var seen iqDoc
	doc, err := a.update(ctx, f.at, func(doc *iqDoc) error {
		_, wanted, err := doc.apply(event{kind: f.verb, at: f.at, now: a.now()})
		if err != nil || !wanted {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, stepLimit)
		defer cancel()
		if f.secret, f.answer = call(limited); f.answer != nil {
			return f.answer
		}
		seen = *doc
		return f.store(doc, a.now())
	})
	if err == nil || f.answer != nil || f.secret.IsZero() {
		return doc, err
	}
	// SALTO has answered and the secret is not stored yet: try once more,
	// unless another process has changed the activation in the meantime.
	return a.updateAfter(ctx, f.at, func(doc *iqDoc) error {
		if doc.Step != seen.Step || !doc.Secret.Equal(seen.Secret.Secret) {
			return nil
		}
		return f.store(doc, a.now())
	})
}

func (f *secretFetch) store(doc *iqDoc, now time.Time) (err error) {
	*doc, _, err = doc.apply(event{kind: f.verb, at: f.at, now: now, secret: f.secret})
	return err
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

// ActivatedElsewhereError reports that this user is already activated at the
// IQ, or that SALTO has already returned the secret and will not return it
// again. errors.Is finds ErrIQAlreadyActivated.
type ActivatedElsewhereError struct {
	Site saltoks.SiteID
	IQ   saltoks.IQID
	// Err is SALTO's refusal.
	Err error
}

// Error names the IQ and what to do.
func (e *ActivatedElsewhereError) Error() string {
	return fmt.Sprintf("IQ %s was already activated for this SALTO user outside of this installation, and SALTO returns"+
		" the first secret only once: if the user still has a code and the IQ PIN from there, use Activation.Adopt;"+
		" otherwise ask SALTO's support to reset the activation, then begin again: %v", e.IQ, e.Err)
}

// Unwrap returns SALTO's refusal.
func (e *ActivatedElsewhereError) Unwrap() error { return e.Err }

// Is reports whether target is ErrIQAlreadyActivated.
func (e *ActivatedElsewhereError) Is(target error) bool {
	return target == saltoks.ErrIQAlreadyActivated
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
		return &ActivatedElsewhereError{at.site, at.iq, answer}
	}
	return answer
}
