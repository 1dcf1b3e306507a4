// Package setup does for the examples, at the simulated SALTO KS, what an administrator
// does once in a browser.
package setup

import (
	"context"

	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// Connect gives the consent and chooses a site of SALTO.
func Connect(ctx context.Context, site *saltolocks.Site, sim *saltokstest.Sim, salto saltoks.SiteID) error {
	login, err := site.Auth.Begin(ctx)
	if err != nil {
		return err
	}
	callback, err := sim.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		return err
	}
	if _, err := site.Complete(ctx, login, callback.Query()); err != nil {
		return err
	}
	return site.LinkSite(ctx, salto)
}

// Activate activates the IQs of a site that cannot be used yet, each with the PIN that
// SALTO sends to the administrator by mail. It returns how many it activated.
func Activate(ctx context.Context, wizard *saltoremote.Activation, site saltoks.SiteID, sim *saltokstest.Sim) (n int, err error) {
	for iq, err := range wizard.List(ctx, site) {
		if err != nil {
			return n, err
		}
		if iq.Finding.Usable() {
			continue
		}
		if _, err := wizard.Begin(ctx, site, iq.IQ.ID); err != nil {
			return n, err
		}
		if _, err := wizard.RequestPIN(ctx, site, iq.IQ.ID, saltoks.PINByMail); err != nil {
			return n, err
		}
		pin, err := saltoks.ParseIQPIN(sim.IQPIN(sim.World().Users[0].Email))
		if err != nil {
			return n, err
		}
		if _, err := wizard.Confirm(ctx, site, iq.IQ.ID, pin); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
