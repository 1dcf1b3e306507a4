package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// saltoView is the data of the page SALTO KS.
type saltoView struct {
	Status  *saltoauth.ConnectionStatus
	Summary string
	Site    *saltoks.Site
	Sites   []saltoks.Site // if no site is linked
	IQs     []saltoremote.IQStatus
	Fault   string // why SALTO KS could not be read
}

// saltoPage is Settings > Integrations > SALTO KS: connect, choose the site, activate the
// IQs, reconnect.
func (p *platform) saltoPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	var data saltoView
	if status, err := p.site.Status(ctx); err == nil {
		data.Status, data.Summary = &status, status.Summary(p.now())
		c, err := p.site.Session(ctx)
		if err == nil {
			err = data.read(ctx, c)
		}
		if err != nil {
			p.log.Warn("reading SALTO KS failed", "error", err)
			data.Fault = saltoMessage(err)
		}
	} else if !errors.Is(err, saltoauth.ErrNotConnected) {
		return err
	}
	return p.page(rw, r, "salto", "SALTO KS", data)
}

// read reads the linked site and its IQs, or the sites to choose from.
func (v *saltoView) read(ctx context.Context, c saltolocks.Session) error {
	if c.Site == "" {
		for site, err := range c.Client.Sites.All(ctx) {
			if err != nil {
				return err
			}
			v.Sites = append(v.Sites, site)
		}
		return nil
	}
	site, err := c.Client.Sites.Get(ctx, c.Site)
	if err != nil {
		return err
	}
	v.Site = &site
	for iq, err := range c.Remote.Activation().List(ctx, c.Site) {
		if err != nil {
			return err
		}
		v.IQs = append(v.IQs, iq)
	}
	return nil
}

// saltoMessage returns the message for the manager for an error of the client.
func saltoMessage(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{saltoks.ErrReauthorize, "SALTO KS requires a new login. Reconnect with the same SALTO user."},
		{saltoks.ErrForbidden, "This SALTO user is not allowed to do that at this site. It requires the role Site admin."},
		{saltoks.ErrOTPInvalid, "This is not the PIN that SALTO sent. Check the newest message and type the PIN again."},
		{saltoks.ErrOTPBlocked, "Too many wrong PINs. SALTO accepts the next one in about 20 minutes."},
		{saltoks.ErrIQOffline, "The IQ is offline. Check its power and network, then try again."},
		{saltoks.ErrIQAlreadyActivated, "Another integration has already activated this IQ for this SALTO user. " +
			"Adopt the activation with a code from there, or ask SALTO support to reset it."},
		{saltoks.ErrRestoreRequired, "The IQ was reset. Restore it in SALTO KS, then activate it again."},
		{saltoremote.ErrPINNotRequested, "Request a PIN first."},
		{saltoremote.ErrActivationNotBegun, "Begin the activation first."},
		{saltoks.ErrBadIQPIN, "A PIN is exactly 4 digits, as in the message from SALTO."},
		{saltoauth.ErrSiteNotVisible, "This SALTO user has no access to that site."},
		{saltoks.ErrRateLimited, "SALTO KS is busy. Please try again in a minute."},
		{saltoks.ErrNoSubscription, "The site's SALTO subscription does not include this."},
		{saltoauth.ErrConsentDenied, "You did not allow the access at SALTO. Nothing was connected."},
		{saltoauth.ErrNoOfflineAccess, "The box “Offline access” was not checked. Connect again and leave both boxes checked."},
		{saltoauth.ErrNoFullAccess, "The box “Full access” was not checked. Connect again and leave both boxes checked."},
		{saltoauth.ErrStateMismatch, "This login was started in another browser or window. Press the button again here."},
		{saltoauth.ErrLoginExpired, "The login took longer than ten minutes, or was used twice. Press the button again."},
		{saltoauth.ErrNotConnected, "SALTO KS is not connected."},
		{saltolocks.ErrNoSite, "Link a SALTO KS site first."},
		{saltoauth.ErrAlreadyConnected, "SALTO KS is already connected. Reconnect with the same SALTO user, or disconnect first."},
		{saltoks.ErrIQPINNotChanged, "The activation of this IQ is not finished."},
		{saltoks.ErrLockOffline, "The lock is offline."},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return "SALTO KS could not be reached. Please try again."
}

// session returns the connection to SALTO KS, or a problem if there is none.
func (p *platform) session(ctx context.Context) (saltolocks.Session, error) {
	c, err := p.site.Session(ctx)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		err = &problem{status: http.StatusUnprocessableEntity, text: "SALTO KS is not connected."}
	}
	return c, err
}

func (p *platform) linkSite(rw http.ResponseWriter, r *http.Request, _ account) error {
	if err := p.site.LinkSite(r.Context(), saltoks.SiteID(r.PostFormValue("site"))); err != nil {
		return invalid("%s", saltoMessage(err))
	}
	return redirectWithNote(rw, r, "/manage/salto", "site")
}

func (p *platform) disconnectPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	c, err := p.session(ctx)
	if err != nil {
		return err
	}
	connection, err := p.site.Status(ctx)
	if err != nil {
		return err
	}
	iqs, err := p.site.Auth.NeedSupport(ctx, connection.Subject)
	if err != nil {
		return err
	}
	if c.Site != "" {
		for i := range iqs { // without a name, the page shows the id
			if iq, err := c.Client.IQs.Get(ctx, iqs[i].Site, iqs[i].IQ); err == nil {
				iqs[i].Name = iq.Name
			}
		}
	}
	doors, err := p.store.Doors(ctx, siteID)
	if err != nil {
		return err
	}
	return p.page(rw, r, "disconnect", "Disconnect SALTO KS", struct {
		Sentence string
		User     string
		Doors    int
		IQs      []saltoauth.ForgottenIQ
	}{string(saltoauth.AcknowledgeDisconnect), connection.UserHint, len(doors), iqs})
}

func (p *platform) disconnect(rw http.ResponseWriter, r *http.Request, _ account) error {
	if r.PostFormValue("understood") != "yes" {
		return invalidField("understood", "Please check the box to confirm.")
	}
	done, err := p.site.Disconnect(r.Context(), saltoauth.AcknowledgeDisconnect)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		return invalid("%s", saltoMessage(err))
	}
	if err != nil {
		return err
	}
	if done.RevokeErr != nil {
		p.log.Warn("the refresh token was not revoked at SALTO", "error", done.RevokeErr)
	}
	return redirectWithNote(rw, r, "/manage/salto", "disconnected")
}

// consentFailed shows why a consent failed.
func (p *platform) consentFailed(rw http.ResponseWriter, r *http.Request, err error) {
	if wrong, ok := errors.AsType[*saltoauth.WrongUserError](err); ok {
		p.show(rw, r, http.StatusConflict, "wronguser", view{Title: "That was another SALTO user", Data: wrong})
		return
	}
	p.log.Warn("a consent failed", "error", err)
	p.show(rw, r, http.StatusUnprocessableEntity, "consentfailed",
		view{Title: "SALTO KS is not connected", wrong: invalidField("", "%s", saltoMessage(err))})
}
