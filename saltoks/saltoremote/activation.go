package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Activation takes one SALTO user through the activation of IQs, without which
// no command reaches a lock (WIRE.md 3.3):
//
//	Begin       fetches the first secret             StepSecretStored
//	RequestPIN  has SALTO send the IQ PIN            StepPINRequested
//	Confirm     sends the PIN that the person typed  StepActivated
//
// Every step is stored before the next one can be taken, the secret before
// anything else; whatever crashes, State says where to go on. A step that was
// taken already is not taken again and is no error. Get one from
// Remote.Activation; it is safe for concurrent use, also by several processes
// on one store.
//
// The user must be one that nobody logs into SALTO's phone app: the app makes a
// new secret without a word, and only SALTO's support can help then.
type Activation struct {
	core
	iqs iqCalls
	me  meCalls
}

// iqCalls and meCalls are what Activation uses of the client.
type iqCalls interface {
	All(ctx context.Context, site saltoks.SiteID, opts ...saltoks.ListOption) iter.Seq2[saltoks.IQ, error]
	Get(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.IQ, error)
	FirstSecret(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.Secret, error)
	SecretByOTP(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, code saltoks.OTP) (saltoks.Secret, error)
	RequestPIN(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, channel saltoks.PINChannel) error
	ConfirmPIN(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, code saltoks.OTP) error
	Deactivate(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, user saltoks.UserID, code saltoks.OTP) error
}

type meCalls interface {
	Get(ctx context.Context) (saltoks.Me, error)
	ActivatedIQs(ctx context.Context, site saltoks.SiteID) iter.Seq2[saltoks.ActivatedIQ, error]
}

// ActivationStep is how far an activation is.
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
	// StepConfirming: the PIN was sent to SALTO and no answer came. Resume asks
	// SALTO what became of it.
	StepConfirming ActivationStep = "confirming"
	// StepActivated: commands may be sent.
	StepActivated ActivationStep = "activated"
)

// ActivationState is what this side knows of one activation. It holds no secret.
type ActivationState struct {
	Site saltoks.SiteID
	IQ   saltoks.IQID
	Step ActivationStep
	// Adopted: the secret came by Adopt, so there is no PIN to request.
	Adopted bool
	// Channel is how the PIN was last requested, PINRequestedAt when (UTC).
	Channel        saltoks.PINChannel
	PINRequestedAt time.Time
	// ActivatedAt is when the activation was confirmed (UTC).
	ActivatedAt time.Time
	// BlockedUntil is when codes are sent again after wrong ones; zero when
	// they are not held back.
	BlockedUntil time.Time
}

// Faults of the order of steps. Nothing was sent.
var (
	// ErrActivationNotBegun: the step needs the IQ's secret.
	ErrActivationNotBegun = errors.New("the IQ's activation has not begun: call Begin first")
	// ErrPINNotRequested: there is no PIN yet that could be confirmed.
	ErrPINNotRequested = errors.New("no IQ PIN was requested: call RequestPIN first")
	// ErrPINNotNeeded: after Adopt, the PIN is the one the user already has.
	ErrPINNotNeeded = errors.New("this secret was adopted: confirm it with the IQ PIN that the user already has")
	// ErrNotActivator: only the SALTO user that activated an IQ here may
	// deactivate it.
	ErrNotActivator = errors.New("only the SALTO user that activated this IQ here may deactivate it")
)

// State returns what is stored; it makes no call.
func (a *Activation) State(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	doc, err := a.load(ctx, at)
	return a.done(at, doc, notSentError(err))
}

// Begin fetches this user's first secret at the IQ and stores it. SALTO hands it
// out only while the user was never activated there; after that the error is
// an *ActivatedElsewhereError.
func (a *Activation) Begin(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	return a.fetchSecret(ctx, site, iq, secretFetch{
		wanted: func(doc *iqDoc) bool { return doc.Step == StepNotStarted },
		call:   a.firstSecret,
	})
}

// Restart is Begin for an IQ that was reset (ErrRestoreRequired): secret and PIN
// of before are dead. It is refused while SALTO still has this user as
// activated, or may have in a moment, so it cannot destroy an activation that
// works.
func (a *Activation) Restart(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	known, err := a.atSALTO(ctx, at)
	if err == nil && known.Activated {
		err = fmt.Errorf("saltoks: restarting the activation of IQ %s: SALTO has it as activated, nothing was changed: %w", iq, saltoks.ErrIQAlreadyActivated)
	}
	if err != nil {
		doc, loadErr := a.load(ctx, at)
		return a.done(at, doc, also(err, loadErr))
	}
	return a.fetchSecret(ctx, site, iq, secretFetch{
		wanted: func(*iqDoc) bool { return true },
		call:   a.firstSecret,
	})
}

// Adopt is the way in for a user who was activated by another integration: with
// a code from there, SALTO hands the secret out once more. Confirm it then with
// the IQ PIN that the user already has. A wrong code counts in the breaker.
// Whether SALTO keeps the other side's secret is not known (WIRE.md 6).
func (a *Activation) Adopt(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, code saltoks.OTP) (ActivationState, error) {
	if code.IsZero() {
		return ActivationState{}, notSentError(errors.New("saltoks: Adopt wants the code that the user has"))
	}
	return a.fetchSecret(ctx, site, iq, secretFetch{
		wanted:  func(doc *iqDoc) bool { return doc.Step != StepActivated },
		adopted: true,
		call: func(ctx context.Context, at siteIQ) (saltoks.Secret, error) {
			secret, err := a.iqs.SecretByOTP(ctx, at.site, at.iq, code)
			if e, ok := errors.AsType[*saltoks.APIError](err); ok && e.Status == 403 && e.Code == "" {
				err = also(err, saltoks.ErrOTPInvalid) // a bare 403 was seen for a wrong code (WIRE.md 2.4)
			}
			return secret, err
		},
	})
}

// secretFetch is one way to a secret.
type secretFetch struct {
	wanted  func(*iqDoc) bool
	adopted bool // it takes a code, so the breaker has a say
	call    func(context.Context, siteIQ) (saltoks.Secret, error)
}

// held says that the breaker holds a code back, or that the activation may be
// under way: another secret would come with another PIN.
func (f secretFetch) held(doc *iqDoc, at siteIQ, now time.Time) error {
	if doc.underWay(now) {
		return errUnderWay
	}
	if !f.adopted {
		return nil
	}
	return doc.Breaker.holds(at, now)
}

func (a *Activation) firstSecret(ctx context.Context, at siteIQ) (saltoks.Secret, error) {
	return a.iqs.FirstSecret(ctx, at.site, at.iq)
}

// fetchSecret fetches a secret where it is wanted and stores it. The document
// stays locked meanwhile: two callers must not each get a secret.
func (a *Activation) fetchSecret(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, f secretFetch) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	before, err := a.load(ctx, at)
	if err == nil && f.wanted(&before) {
		if err = f.held(&before, at, a.now()); err == nil {
			err = a.sameUser(ctx)
		}
		if err == nil {
			err = a.track(ctx, at, a.nameOf(ctx, at))
		}
	}
	if err == nil && !f.wanted(&before) && before.Step == StepActivated {
		err = a.stillActivated(ctx, at)
	}
	if err != nil || !f.wanted(&before) {
		return a.done(at, before, notSentError(err))
	}
	var secret saltoks.Secret
	var answer error
	var seen iqDoc
	store := func(doc *iqDoc) {
		next := iqDoc{Step: StepSecretStored, Secret: storedsecret.New(secret), SecretAt: a.now().UTC(), Adopted: f.adopted, Breaker: doc.Breaker}
		if f.adopted {
			next.Breaker = next.Breaker.after(a.now(), nil)
		}
		*doc = next
	}
	held, keep, release := untilKept(ctx)
	defer release()
	doc, err := a.update(held, at, func(doc *iqDoc) error {
		if !f.wanted(doc) {
			return nil
		}
		if err := f.held(doc, at, a.now()); err != nil {
			return err
		}
		call, cancel := context.WithTimeout(ctx, stepLimit)
		defer cancel()
		if secret, answer = f.call(call, at); answer != nil {
			return answer
		}
		keep() // the caller's end does not count any more: this secret may be the only one
		seen = *doc
		store(doc)
		return nil
	})
	switch {
	case err == nil:
		return a.done(at, doc, nil)
	case answer != nil:
		if !f.adopted {
			return a.done(at, before, a.explainRefusal(ctx, at, answer))
		}
		return a.done(at, before, also(answer, a.record(ctx, at, before, a.now(), answer)))
	case secret.IsZero():
		return a.done(at, before, notSentError(err))
	}
	// SALTO has answered and the secret is not stored yet: try once more, unless
	// another process went on since.
	doc, err = a.updateAfter(ctx, at, func(doc *iqDoc) error {
		if doc.Step == seen.Step && doc.Secret.Equal(seen.Secret.Secret) {
			store(doc)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("saltoks: SALTO handed out the secret of IQ %s but it could not be stored: repair the store and begin again; if SALTO then refuses, its support has to reset the activation: %w", iq, err)
		return a.done(at, before, saltoks.NewUnconfirmedError(err))
	}
	return a.done(at, doc, nil)
}

// nameOf is the IQ's name, by which Forget will ask a person about it. Nothing
// fails for want of it.
func (a *Activation) nameOf(ctx context.Context, at siteIQ) string {
	ctx, cancel := context.WithTimeout(ctx, nameLimit)
	defer cancel()
	iq, err := a.iqs.Get(ctx, at.site, at.iq)
	if err != nil {
		return ""
	}
	return iq.Name
}

// RequestPIN has SALTO send a new IQ PIN to the user by mail or SMS; call it
// again to resend. It needs the IQ online. When the answer is lost (the error
// is Unconfirmed) the PIN may be on its way, and Confirm is possible.
func (a *Activation) RequestPIN(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID, channel saltoks.PINChannel) (ActivationState, error) {
	at, err := a.place(site, iq)
	if err != nil {
		return ActivationState{}, notSentError(err)
	}
	before, err := a.load(ctx, at)
	if err == nil && before.Step == StepConfirming {
		before, err = a.settle(ctx, at) // a PIN that works must not be replaced
	}
	if err == nil && before.Step == StepActivated {
		err = a.stillActivated(ctx, at)
	}
	if err == nil {
		err = mayRequest(&before)
	}
	if err == nil {
		err = a.sameUser(ctx)
	}
	if err != nil {
		return a.done(at, before, notSentError(err))
	}
	var answer error
	held, keep, release := untilKept(ctx)
	defer release()
	doc, err := a.update(held, at, func(doc *iqDoc) error {
		if err := mayRequest(doc); err != nil {
			return err
		}
		call, cancel := context.WithTimeout(ctx, stepLimit)
		defer cancel()
		answer = a.iqs.RequestPIN(call, site, iq, channel)
		if answer != nil && !isUnconfirmed(answer) {
			return answer
		}
		keep()
		doc.Step, doc.Channel, doc.PINRequestedAt, doc.PIN = StepPINRequested, channel, a.now().UTC(), storedsecret.Secret{}
		return nil
	})
	switch {
	case answer != nil && !isUnconfirmed(answer):
		if errors.Is(answer, saltoks.ErrIQAlreadyActivated) {
			answer = &ActivatedElsewhereError{site, iq, answer}
		}
		return a.done(at, before, answer)
	case err != nil && answer == nil && doc.Step == StepPINRequested:
		return a.done(at, before, saltoks.NewUnconfirmedError(fmt.Errorf("saltoks: the IQ PIN was requested, but that could not be stored: request it again: %w", err)))
	case err != nil:
		return a.done(at, before, also(answer, notSentError(err)))
	}
	return a.done(at, doc, answer)
}

func mayRequest(doc *iqDoc) error {
	switch {
	case doc.Step == StepNotStarted:
		return ErrActivationNotBegun
	case doc.Step == StepActivated:
		return saltoks.ErrIQAlreadyActivated
	case doc.Adopted:
		return ErrPINNotNeeded
	}
	return nil
}

// nameLimit bounds the read of an IQ's name.
const nameLimit = 5 * time.Second

// stepLimit bounds a call that is made while the document is locked.
const stepLimit = 14 * time.Second

// untilKept returns a context that ends with ctx until keep is called; from
// then on it has saltostate.WriteLimit left, whatever ctx does.
func untilKept(ctx context.Context) (held context.Context, keep, release func()) {
	held, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	var timer *time.Timer
	keep = func() {
		stop()
		timer = time.AfterFunc(saltostate.WriteLimit, func() { cancel(context.DeadlineExceeded) })
	}
	release = func() {
		stop()
		if timer != nil {
			timer.Stop()
		}
		cancel(nil)
	}
	return held, keep, release
}
