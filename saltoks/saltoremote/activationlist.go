package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// IQStatus is one IQ of a site with its activation, as a wizard shows it.
type IQStatus struct {
	IQ saltoks.IQ
	// Local is what is stored here.
	Local ActivationState
	// ActivatedAtSALTO is what SALTO says of this user at this IQ, and
	// SinceAtSALTO since when (UTC; zero when not activated).
	ActivatedAtSALTO bool
	SinceAtSALTO     time.Time
	// Readiness is the sum of it.
	Readiness Readiness
}

// Usable reports that commands to the IQ's locks can be sent.
func (s IQStatus) Usable() bool {
	return s.Readiness == IQReady || s.Readiness == IQNeedsNoCode
}

// Readiness says whether commands can be sent through an IQ, and if not, what
// is missing.
type Readiness string

// What an IQ can be to one user.
const (
	// IQReady: activated here and at SALTO.
	IQReady Readiness = "ready"
	// IQNeedsNoCode: the IQ takes commands without a code; activating it is
	// not needed.
	IQNeedsNoCode Readiness = "needs_no_code"
	// IQNotActivated: nothing was begun.
	IQNotActivated Readiness = "not_activated"
	// IQInProgress: begun here; Local.Step says where to go on.
	IQInProgress Readiness = "in_progress"
	// IQActivatedElsewhere: SALTO has the user as activated, but not by us: the
	// secret is not here. See ActivatedElsewhereError.
	IQActivatedElsewhere Readiness = "activated_elsewhere"
	// IQActivationLost: activated here, but SALTO no longer has it so: somebody
	// reset it. Restart.
	IQActivationLost Readiness = "activation_lost"
	// IQRestoreRequired: the IQ was reset. IQs.Restore, then Restart.
	IQRestoreRequired Readiness = "restore_required"
)

// List lists all IQs of the site, activated or not. It reads two lists from
// SALTO and one document per IQ, and changes nothing.
func (a *Activation) List(ctx context.Context, site saltoks.SiteID) iter.Seq2[IQStatus, error] {
	return func(yield func(IQStatus, error) bool) {
		if _, err := a.place(site, "any"); err != nil {
			yield(IQStatus{}, notSentError(err))
			return
		}
		known := make(map[saltoks.IQID]saltoks.ActivatedIQ)
		for k, err := range a.me.ActivatedIQs(ctx, site) {
			if err != nil {
				yield(IQStatus{}, err)
				return
			}
			known[k.IQ] = k
		}
		for iq, err := range a.iqs.All(ctx, site) {
			if err != nil {
				yield(IQStatus{}, err)
				return
			}
			local, err := a.State(ctx, site, iq.ID)
			if err != nil {
				yield(IQStatus{}, err)
				return
			}
			if !yield(iqStatus(iq, known[iq.ID], local), nil) {
				return
			}
		}
	}
}

func iqStatus(iq saltoks.IQ, known saltoks.ActivatedIQ, local ActivationState) IQStatus {
	s := IQStatus{IQ: iq, Local: local, ActivatedAtSALTO: known.Activated, SinceAtSALTO: known.ActivatedAt}
	switch here := local.Step == StepActivated; {
	case iq.RestoreRequired:
		s.Readiness = IQRestoreRequired
	case !iq.OTPEnabled:
		s.Readiness = IQNeedsNoCode
	case here && known.Activated:
		s.Readiness = IQReady
	case here:
		s.Readiness = IQActivationLost
	case local.Step == StepConfirming || local.Adopted:
		s.Readiness = IQInProgress
	case known.Activated:
		s.Readiness = IQActivatedElsewhere
	case local.Step != StepNotStarted:
		s.Readiness = IQInProgress
	default:
		s.Readiness = IQNotActivated
	}
	return s
}

// Deactivate ends this user's activation at the IQ, at SALTO and here. Only the
// user that activated it here may: for any other it is refused without a call
// (ErrNotActivator, ErrOtherUser). The call was never measured, so the client
// needs UnverifiedEndpoints. When the answer is lost, SALTO is asked what
// became of it.
func (a *Activation) Deactivate(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	doc, err := a.load(ctx, at)
	if err == nil && doc.Step != StepActivated {
		err = ErrNotActivator
	}
	if err == nil {
		err = a.sameUser(ctx)
	}
	if err == nil {
		err = doc.Breaker.holds(at, a.now())
	}
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	me, err := a.me.Get(ctx)
	if err != nil {
		return a.done(at, doc, err)
	}
	code, err := a.code(ctx, at, doc)
	if err != nil {
		return a.done(at, doc, notSentError(err))
	}
	answer := a.iqs.Deactivate(ctx, site, iq, me.ID, code)
	if isUnconfirmed(answer) {
		if known, err := a.atSALTO(ctx, at); err == nil && !known.Activated {
			answer = nil
		}
	}
	if answer != nil {
		return a.done(at, doc, also(answer, a.record(ctx, at, doc, a.now(), answer)))
	}
	next, err := a.updateAfter(ctx, at, func(now *iqDoc) error {
		if now.Secret.Equal(doc.Secret.Secret) {
			*now = iqDoc{Breaker: now.Breaker.after(a.now(), nil)}
		}
		return nil
	})
	if err != nil {
		err = saltoks.NewUnconfirmedError(fmt.Errorf("saltoks: IQ %s is deactivated at SALTO, but that could not be stored: %w", iq, err))
		return a.done(at, doc, err)
	}
	return a.done(at, next, nil)
}

// ActivatedElsewhereError says that SALTO has this user as activated at the IQ,
// or has given the secret out before, and will not give it again. errors.Is
// finds ErrIQAlreadyActivated.
type ActivatedElsewhereError struct {
	Site saltoks.SiteID
	IQ   saltoks.IQID
	// Err is SALTO's refusal.
	Err error
}

// Error says what can be done.
func (e *ActivatedElsewhereError) Error() string {
	return fmt.Sprintf("saltoks: IQ %s was already activated for this SALTO user outside of this installation, and SALTO gives the first secret only once: if the user still has a code and the IQ PIN from there, use Activation.Adopt; otherwise have SALTO's support reset the activation, then begin again: %v", e.IQ, e.Err)
}

// Unwrap returns SALTO's refusal.
func (e *ActivatedElsewhereError) Unwrap() error { return e.Err }

// Is reports whether target is ErrIQAlreadyActivated.
func (e *ActivatedElsewhereError) Is(target error) bool {
	return target == saltoks.ErrIQAlreadyActivated
}

// explainRefusal finds out what a refused first secret means. Code 2203 also
// says that a right is missing; then SALTO has no record of user and IQ.
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

// done is what every verb returns.
func (a *Activation) done(at siteIQ, doc iqDoc, err error) (ActivationState, error) {
	return ActivationState{
		Site: at.site, IQ: at.iq, Step: doc.Step, Adopted: doc.Adopted,
		Channel: doc.Channel, PINRequestedAt: doc.PINRequestedAt, ActivatedAt: doc.ActivatedAt,
		BlockedUntil: doc.Breaker.openUntil(a.now()),
	}, err
}

// place checks what every step needs.
func (a *Activation) place(site saltoks.SiteID, iq saltoks.IQID) (siteIQ, error) {
	switch {
	case a.state == nil:
		return siteIQ{}, errZero
	case site == "" || iq == "":
		return siteIQ{}, errors.New("saltoks: no site or no IQ given")
	}
	return siteIQ{site, iq}, nil
}
