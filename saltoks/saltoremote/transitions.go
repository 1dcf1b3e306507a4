package saltoremote

import (
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

// event is what happens to an activation: a call by the host, or an answer from
// SALTO. The rows of transitions define its effect.
type event struct {
	kind eventKind
	at   siteIQ
	now  time.Time

	secret  saltoks.Secret     // begin, restart, adopt: the secret that SALTO returned
	channel saltoks.PINChannel // requestPIN
	pin     saltoks.Secret     // confirm
	sent    iqDoc              // the document that the call to SALTO was made with
	since   time.Time          // found: when SALTO activated the user
}

type eventKind string

const (
	// Calls by the host. If one is refused or was already carried out, no
	// request is made.
	begin      eventKind = "begin"
	restart    eventKind = "restart"
	adopt      eventKind = "adopt"
	requestPIN eventKind = "request PIN"
	confirm    eventKind = "confirm"
	deactivate eventKind = "deactivate"
	// Answers.
	confirmed   eventKind = "confirmed"   // SALTO accepted the PIN
	refused     eventKind = "refused"     // SALTO refused the PIN, or the call was not sent
	found       eventKind = "found"       // no answer to the PIN; SALTO reports the user as activated
	notFound    eventKind = "not found"   // no answer to the PIN; SALTO reports the user as not activated
	deactivated eventKind = "deactivated" // SALTO ended the activation
)

// transition is one row of the table: at step from, if when is true, the event
// leads to step to, and store changes the document. A row with refuse changes
// nothing and makes no request.
type transition struct {
	event  eventKind
	from   ActivationStep
	when   func(iqDoc, event) bool // nil: always
	to     ActivationStep
	store  func(*iqDoc, event) // nil: only the step changes
	refuse func(iqDoc, event) error
}

const (
	anyStep  ActivationStep = "any"
	sameStep ActivationStep = "same"
)

// transitions is the activation of one SALTO user at one IQ. The first row that
// matches applies. If none matches, the event changes nothing and is not an
// error.
func transitions() []transition {
	return []transition{
		{event: begin, from: StepNotStarted, to: StepSecretStored, store: newSecret},

		{event: restart, from: StepConfirming, when: inProgress, refuse: with(errInProgress)},
		{event: restart, from: anyStep, to: StepSecretStored, store: newSecret},

		{event: adopt, from: StepActivated, to: sameStep},
		{event: adopt, from: StepConfirming, when: inProgress, refuse: with(errInProgress)},
		{event: adopt, from: anyStep, when: blocked, refuse: untilUnblocked},
		{event: adopt, from: anyStep, to: StepSecretStored, store: adoptedSecret},

		{event: requestPIN, from: StepNotStarted, refuse: with(ErrActivationNotBegun)},
		{event: requestPIN, from: StepActivated, refuse: with(saltoks.ErrIQAlreadyActivated)},
		{event: requestPIN, from: anyStep, when: adopted, refuse: with(ErrPINNotNeeded)},
		{event: requestPIN, from: anyStep, to: StepPINRequested, store: newRequest},

		{event: confirm, from: StepActivated, to: sameStep},
		{event: confirm, from: StepNotStarted, refuse: with(ErrActivationNotBegun)},
		{event: confirm, from: StepSecretStored, when: not(adopted), refuse: with(ErrPINNotRequested)},
		{event: confirm, from: anyStep, when: blocked, refuse: untilUnblocked},
		{event: confirm, from: StepConfirming, when: inProgressWithOtherPIN, refuse: with(errInProgress)},
		{event: confirm, from: anyStep, to: StepConfirming, store: newPIN},

		{event: confirmed, from: anyStep, when: sameSecret, to: StepActivated, store: confirmedPIN},
		{event: found, from: StepConfirming, when: sameConfirmation, to: StepActivated, store: activatedSince},

		{event: refused, from: StepConfirming, when: both(sameConfirmation, adopted), to: StepSecretStored, store: dropPIN},
		{event: refused, from: StepConfirming, when: sameConfirmation, to: StepPINRequested, store: dropPIN},
		{event: notFound, from: StepConfirming, when: not(both(sameConfirmation, overdue)), to: sameStep},
		{event: notFound, from: StepConfirming, when: adopted, to: StepSecretStored, store: dropPIN},
		{event: notFound, from: StepConfirming, to: StepPINRequested, store: dropPIN},

		{event: deactivate, from: StepActivated, when: blocked, refuse: untilUnblocked},
		{event: deactivate, from: StepActivated, to: sameStep}, // until SALTO has answered
		{event: deactivate, from: anyStep, refuse: with(ErrNotActivator)},
		{event: deactivated, from: anyStep, when: sameSecret, to: StepNotStarted, store: forget},
	}
}

// apply returns the document after e, and whether e changes it. It has no side
// effects.
func (d iqDoc) apply(e event) (next iqDoc, changed bool, err error) {
	for _, t := range transitions() {
		if t.event != e.kind || t.from != anyStep && t.from != d.Step || t.when != nil && !t.when(d, e) {
			continue
		}
		if t.refuse != nil {
			return d, false, t.refuse(d, e)
		}
		if t.to == sameStep {
			return d, false, nil
		}
		next = d
		if t.store != nil {
			t.store(&next, e)
		}
		next.Step = t.to
		return next, true, nil
	}
	return d, false, nil
}

// What is stored.

// newSecret replaces everything except the breaker: a new secret requires a new
// PIN.
func newSecret(d *iqDoc, e event) {
	*d = iqDoc{Secret: storedsecret.New(e.secret), SecretAt: e.now.UTC(), Breaker: d.Breaker}
}

// adoptedSecret is newSecret for Adopt, for which SALTO has accepted a code.
func adoptedSecret(d *iqDoc, e event) {
	newSecret(d, e)
	d.Adopted, d.Breaker = true, d.Breaker.after(e.now, nil)
}

func newRequest(d *iqDoc, e event) {
	d.Channel, d.PINRequestedAt, d.PIN = storedChannel(e.channel), e.now.UTC(), storedsecret.Secret{}
}

func newPIN(d *iqDoc, e event) { d.PIN, d.ConfirmingAt = storedsecret.New(e.pin), e.now.UTC() }

func dropPIN(d *iqDoc, _ event) { d.PIN = storedsecret.Secret{} }

// confirmedPIN stores the PIN that SALTO accepted, even if another one was
// stored since.
func confirmedPIN(d *iqDoc, e event) { d.PIN, d.ActivatedAt = e.sent.PIN, e.now.UTC() }

// activatedSince is confirmedPIN with the activation time that SALTO reports.
func activatedSince(d *iqDoc, e event) {
	d.ActivatedAt, d.Breaker = e.since.UTC(), d.Breaker.after(e.now, nil)
}

func forget(d *iqDoc, e event) { *d = iqDoc{Breaker: d.Breaker.after(e.now, nil)} }

// Conditions.

// confirmLimit is how long SALTO may still carry out a confirmation that it has
// not answered.
const confirmLimit = time.Minute

// inProgress reports whether SALTO may still carry out a confirmation. After Adopt that
// does not matter, because the user was already activated.
func inProgress(d iqDoc, e event) bool {
	return d.Step == StepConfirming && !d.Adopted && e.now.Sub(d.ConfirmingAt).Abs() <= confirmLimit
}

func inProgressWithOtherPIN(d iqDoc, e event) bool { return inProgress(d, e) && !d.PIN.Equal(e.pin) }

func overdue(d iqDoc, e event) bool { return e.now.Sub(d.ConfirmingAt) > confirmLimit }

func adopted(d iqDoc, _ event) bool { return d.Adopted }

func blocked(d iqDoc, e event) bool { return !d.Breaker.openUntil(e.now).IsZero() }

// sameSecret: no other secret was fetched since the call was made.
func sameSecret(d iqDoc, e event) bool { return d.Secret.Equal(e.sent.Secret.Secret) }

// sameConfirmation: no other PIN was sent since the call was made.
func sameConfirmation(d iqDoc, e event) bool {
	return sameSecret(d, e) && d.ConfirmingAt.Equal(e.sent.ConfirmingAt)
}

func not(c func(iqDoc, event) bool) func(iqDoc, event) bool {
	return func(d iqDoc, e event) bool { return !c(d, e) }
}

func both(a, b func(iqDoc, event) bool) func(iqDoc, event) bool {
	return func(d iqDoc, e event) bool { return a(d, e) && b(d, e) }
}

func with(err error) func(iqDoc, event) error { return func(iqDoc, event) error { return err } }

func untilUnblocked(d iqDoc, e event) error { return d.Breaker.check(e.at, e.now) }
