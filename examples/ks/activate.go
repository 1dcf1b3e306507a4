package main

import (
	"context"
	"errors"
	"flag"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

type activateOptions struct {
	site                         string
	sms, resend, restart, adopts bool
}

func activateCommand() command {
	return command{
		name: "activate", args: "[IQ]", max: 1, short: "activate an IQ with the PIN that SALTO sends",
		long: `Activates an IQ for the logged-in SALTO user: it stores the IQ's secret, makes SALTO send
a PIN by mail (or SMS with -sms), asks for the PIN, and confirms it. Run it again to
continue where it stopped; the PIN is requested again only with -resend. The PIN is read
from KS_IQ_PIN, or asked for.

SALTO hands the secret out once per user and IQ. If your platform is to open doors as the
same SALTO user, activate the IQ from the platform instead: it cannot read the secret that
ks has stored.

With -restart it activates again an IQ that was reset. With -adopt it takes over a user
who was activated by another program: it asks for a code of that program (KS_CODE), then
for the PIN that the user already has.`,
		setup: func(flags *flag.FlagSet) action {
			var o activateOptions
			site := siteFlag(flags)
			flags.BoolVar(&o.sms, "sms", false, "send the PIN by SMS instead of mail")
			flags.BoolVar(&o.resend, "resend", false, "make SALTO send another PIN")
			flags.BoolVar(&o.restart, "restart", false, "activate an IQ again that was reset")
			flags.BoolVar(&o.adopts, "adopt", false, "take over an activation with a code of another program")
			return func(ctx context.Context, a *app, args []string) error {
				o.site = *site
				return a.withSite(ctx, o.site, func(s *session, site saltoks.Site) error {
					var name string
					if len(args) > 0 {
						name = args[0]
					}
					iq, err := s.iq(ctx, site.ID, name)
					if err != nil {
						return err
					}
					return answerLost(a.activate(ctx, s, site.ID, iq, o))
				})
			}
		},
	}
}

func (a *app) activate(ctx context.Context, s *session, site saltoks.SiteID, iq saltoremote.IQStatus, o activateOptions) error {
	act := s.remote.Activation()
	switch iq.Finding {
	case saltoremote.FindingReady, saltoremote.FindingNeedsNoCode:
		a.printf("%s is %s: there is nothing to do.\n", printable(iq.IQ.Name), iq.Finding)
		return a.activated(iq.Local)
	case saltoremote.FindingRestoreRequired:
		return saltoks.ErrRestoreRequired
	case saltoremote.FindingActivationLost:
		if !o.restart {
			return personf("SALTO has reset this activation: run ks activate -restart")
		}
	}
	state, err := a.secretAndPIN(ctx, s, site, iq, o)
	if err != nil || state.Step == saltoremote.StepActivated {
		return errors.Join(err, a.activated(state))
	}
	text, err := a.secret(ctx, "KS_IQ_PIN", "The 4 digits of the PIN:")
	if err != nil {
		return err
	}
	pin, err := saltoks.ParseIQPIN(text.Reveal())
	if err != nil {
		return usagef("%s", oneLine(err.Error()))
	}
	state, err = act.Confirm(ctx, site, iq.IQ.ID, pin)
	switch {
	case errors.Is(err, saltoks.ErrOTPInvalid):
		return personf("SALTO refused the PIN: run ks activate again with the PIN of the newest message, and check this machine's clock; " +
			"after two wrong PINs ks waits 21 minutes")
	case err != nil:
		return err
	}
	a.printf("%s is activated.\n", printable(iq.IQ.Name))
	return a.activated(state)
}

// answerLost replaces the error of a step whose answer was lost.
func answerLost(err error) error {
	if e, ok := errors.AsType[*saltoks.APIError](err); ok && e.Unconfirmed() {
		return personf("SALTO's answer was lost: run ks activate again, which continues there; a PIN that was requested may still arrive")
	}
	return err
}

// secretAndPIN carries out the steps before the PIN is confirmed.
func (a *app) secretAndPIN(
	ctx context.Context, s *session, site saltoks.SiteID, iq saltoremote.IQStatus, o activateOptions,
) (saltoremote.ActivationState, error) {
	act, id := s.remote.Activation(), iq.IQ.ID
	state, err := act.Resume(ctx, site, id) // an earlier confirmation may have lost its answer
	if err != nil || state.Step == saltoremote.StepActivated && iq.Finding != saltoremote.FindingActivationLost {
		return state, err
	}
	switch {
	case o.adopts:
		code, err := a.secret(ctx, "KS_CODE", "The code (5 characters):")
		if err != nil {
			return state, err
		}
		return act.Adopt(ctx, site, id, saltoks.NewOTP(code.Reveal()))
	case o.restart:
		state, err = act.Restart(ctx, site, id)
	case state.Step == saltoremote.StepNotStarted:
		state, err = act.Begin(ctx, site, id)
	}
	if errors.Is(err, saltoremote.ErrActivatedElsewhere) {
		return state, personf("this user was activated at the IQ by another program or the phone app: run ks activate -adopt with a code " +
			"from there, or ask SALTO's support to reset the activation")
	}
	if err != nil || state.Adopted || state.Step != saltoremote.StepSecretStored && !o.resend {
		return state, err
	}
	channel := saltoks.PINByMail
	if o.sms {
		channel = saltoks.PINBySMS
	}
	if state, err = act.RequestPIN(ctx, site, id, channel); errors.Is(err, saltoks.ErrIQOffline) {
		return state, personf("the IQ is offline, so SALTO sends no PIN: check its power and network, then run ks activate -resend")
	}
	if err == nil {
		a.tellf("SALTO sends a PIN to the user of this login. It can take some minutes.\n")
	}
	return state, err
}

// activated prints the state with -json.
func (a *app) activated(state saltoremote.ActivationState) error {
	if !a.opts.json {
		return nil
	}
	return a.printJSON(state)
}
