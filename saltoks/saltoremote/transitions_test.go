package saltoremote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// activationDocs are documents at every step, with what the table depends on.
func activationDocs() map[string]iqDoc {
	secret, pin := storedsecret.New(saltoks.NewSecret("secret-1")), storedsecret.New(saltoks.NewSecret("1111"))
	stored := iqDoc{Step: StepSecretStored, Secret: secret, SecretAt: noon.Add(-time.Hour)}
	adopted := stored
	adopted.Adopted = true
	requested := stored
	requested.Step, requested.Channel, requested.PINRequestedAt = StepPINRequested, storedChannel(saltoks.PINByMail), noon.Add(-time.Hour)
	confirming := func(doc iqDoc, ago time.Duration) iqDoc {
		doc.Step, doc.PIN, doc.ConfirmingAt = StepConfirming, pin, noon.Add(-ago)
		return doc
	}
	activated := confirming(requested, time.Hour)
	activated.Step, activated.ActivatedAt = StepActivated, noon.Add(-time.Hour)
	return map[string]iqDoc{
		"not started":           {},
		"secret":                stored,
		"secret, adopted":       adopted,
		"PIN requested":         requested,
		"confirming":            confirming(requested, confirmLimit),
		"confirming, too long":  confirming(requested, confirmLimit+1),
		"confirming, adopted":   confirming(adopted, confirmLimit),
		"confirming, adopted +": confirming(adopted, confirmLimit+1),
		"activated":             activated,
	}
}

// Each call and answer at each step leads to a step, or is refused with an error.
func TestTransitions(t *testing.T) {
	const taken = "taken" // nothing changes
	begun, notBegun, notRequested := "secret_stored", ErrActivationNotBegun.Error(), ErrPINNotRequested.Error()
	notNeeded, already, wait := ErrPINNotNeeded.Error(), saltoks.ErrIQAlreadyActivated.Error(), errInProgress.Error()
	steps := []string{
		"not started", "secret", "secret, adopted", "PIN requested", "confirming", "confirming, too long",
		"confirming, adopted", "confirming, adopted +", "activated",
	}
	for kind, want := range map[eventKind][]string{
		begin:       {begun, taken, taken, taken, taken, taken, taken, taken, taken},
		restart:     {begun, begun, begun, begun, wait, begun, begun, begun, begun},
		adopt:       {begun, begun, begun, begun, wait, begun, begun, begun, taken},
		requestPIN:  {notBegun, "pin_requested", notNeeded, "pin_requested", "pin_requested", "pin_requested", notNeeded, notNeeded, already},
		confirm:     {notBegun, notRequested, "confirming", "confirming", wait, "confirming", "confirming", "confirming", taken},
		confirmed:   {taken, "activated", "activated", "activated", "activated", "activated", "activated", "activated", "activated"},
		refused:     {taken, taken, taken, taken, "pin_requested", "pin_requested", begun, begun, taken},
		found:       {taken, taken, taken, taken, "activated", "activated", "activated", "activated", taken},
		notFound:    {taken, taken, taken, taken, taken, "pin_requested", taken, begun, taken},
		deactivate:  slices.Concat(slices.Repeat([]string{ErrNotActivator.Error()}, 8), []string{taken}),
		deactivated: {taken, "", "", "", "", "", "", "", ""},
	} {
		for i, name := range steps {
			doc := activationDocs()[name]
			e := event{
				kind: kind, at: siteIQ{"s", "q"}, now: noon, secret: saltoks.NewSecret("secret-2"), pin: saltoks.NewSecret("2222"),
				channel: saltoks.PINBySMS, sent: doc, since: noon,
			}
			if name == "not started" { // no call is made without a secret
				e.sent.Secret = storedsecret.New(saltoks.NewSecret("secret-0"))
			}
			next, changed, err := doc.apply(e)
			got := string(next.Step)
			switch {
			case err != nil:
				got = err.Error()
			case !changed:
				got = taken
			}
			if got != want[i] {
				t.Errorf("%s at %s: got %q, want %q", kind, name, got, want[i])
			}
			if changed == (next == doc) {
				t.Errorf("%s at %s: changed is %t, and the document is %+v", kind, name, changed, next)
			}
		}
	}
}

// What each event stores.
func TestTransitionsStore(t *testing.T) {
	docs := activationDocs()
	secret, pin := storedsecret.New(saltoks.NewSecret("secret-2")), storedsecret.New(saltoks.NewSecret("2222"))
	with := func(doc iqDoc, change func(*iqDoc)) iqDoc { change(&doc); return doc }
	oneWrong := func(doc iqDoc) iqDoc { doc.Breaker.Wrong = 1; return doc }
	for _, c := range []struct {
		kind      eventKind
		doc, want iqDoc
	}{
		{begin, oneWrong(docs["not started"]), oneWrong(iqDoc{Step: StepSecretStored, Secret: secret, SecretAt: noon})},
		{restart, oneWrong(docs["activated"]), oneWrong(iqDoc{Step: StepSecretStored, Secret: secret, SecretAt: noon})},
		{adopt, oneWrong(docs["PIN requested"]), iqDoc{Step: StepSecretStored, Secret: secret, SecretAt: noon, Adopted: true}},
		{requestPIN, docs["confirming"], with(docs["confirming"], func(d *iqDoc) {
			d.Step, d.Channel, d.PINRequestedAt, d.PIN = StepPINRequested, storedChannel(saltoks.PINBySMS), noon, storedsecret.Secret{}
		})},
		{
			confirm, docs["PIN requested"],
			with(docs["PIN requested"], func(d *iqDoc) { d.Step, d.PIN, d.ConfirmingAt = StepConfirming, pin, noon }),
		},
		{confirmed, docs["confirming"], with(docs["confirming"], func(d *iqDoc) { d.Step, d.ActivatedAt = StepActivated, noon })},
		{found, oneWrong(docs["confirming"]), with(docs["confirming"], func(d *iqDoc) { d.Step, d.ActivatedAt = StepActivated, noon.Add(-1) })},
		{refused, docs["confirming"], with(docs["confirming"], func(d *iqDoc) { d.Step, d.PIN = StepPINRequested, storedsecret.Secret{} })},
		{notFound, docs["confirming, too long"], with(docs["confirming, too long"], func(d *iqDoc) {
			d.Step, d.PIN = StepPINRequested, storedsecret.Secret{}
		})},
		{deactivated, oneWrong(docs["activated"]), iqDoc{}},
	} {
		got, changed, err := c.doc.apply(event{
			kind: c.kind, now: noon, secret: secret.Secret, pin: pin.Secret, channel: saltoks.PINBySMS, sent: c.doc, since: noon.Add(-1),
		})
		if err != nil || !changed {
			t.Errorf("%s: %v, changed %t", c.kind, err, changed)
		}
		if diff := cmp.Diff(fields(c.want), fields(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.kind, diff)
		}
	}
}

// fields is a document with its secrets readable.
func fields(d iqDoc) map[string]any {
	return map[string]any{
		"step": d.Step, "secret": d.Secret.Reveal(), "PIN": d.PIN.Reveal(), "adopted": d.Adopted, "channel": d.Channel,
		"secret at": d.SecretAt, "requested at": d.PINRequestedAt, "confirming at": d.ConfirmingAt, "activated at": d.ActivatedAt,
		"breaker": fmt.Sprint(d.Breaker.Wrong, d.Breaker.Until),
	}
}

// An open breaker refuses the calls that send a code; the same PIN may be sent again at
// once; an answer to an earlier call changes nothing.
func TestTransitionConditions(t *testing.T) {
	docs := activationDocs()
	for _, kind := range []eventKind{adopt, confirm, deactivate} {
		doc := docs["PIN requested"]
		if kind == deactivate {
			doc = docs["activated"]
		}
		doc.Breaker.Until = noon.Add(time.Minute)
		_, changed, err := doc.apply(event{kind: kind, at: siteIQ{"s", "q"}, now: noon})
		held, ok := errors.AsType[*saltoks.APIError](err)
		if !ok || changed || !errors.Is(err, saltoks.ErrOTPBlocked) || !strings.Contains(err.Error(), "IQ q ") || held.RetryAfter != time.Minute {
			t.Errorf("%s with an open breaker: %t, %v", kind, changed, err)
		}
	}
	again, changed, err := docs["confirming"].apply(event{kind: confirm, now: noon, pin: saltoks.NewSecret("1111")})
	if err != nil || !changed || !again.ConfirmingAt.Equal(noon) {
		t.Errorf("the same PIN again: %+v, %v", again, err)
	}
	otherSecret, otherPIN := docs["confirming, too long"], docs["confirming, too long"]
	otherSecret.Secret = storedsecret.New(saltoks.NewSecret("secret-0"))
	otherPIN.ConfirmingAt = noon.Add(-time.Hour)
	for _, c := range []struct {
		kind eventKind
		sent iqDoc
	}{
		{confirmed, otherSecret}, {refused, otherSecret}, {refused, otherPIN}, {found, otherPIN}, {notFound, otherPIN},
		{deactivated, otherSecret},
	} {
		if next, changed, err := docs["confirming, too long"].apply(event{kind: c.kind, now: noon, sent: c.sent}); changed || err != nil {
			t.Errorf("%s of an earlier call: %s, %v", c.kind, next.Step, err)
		}
	}
}
