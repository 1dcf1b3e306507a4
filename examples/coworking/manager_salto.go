package main

import (
	"context"
	"errors"
	"net/http"

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
func (w *web) saltoPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var data saltoView
	c, status, err := w.connection(ctx)
	if err != nil {
		return err
	}
	if c != nil {
		data.Status, data.Summary = status, status.Summary(w.now())
		if err := data.read(ctx, c); err != nil {
			w.log.Warn("reading SALTO KS failed", "error", err)
			data.Fault = saltoMessage(err)
		}
	}
	w.show(rw, r, http.StatusOK, "salto", view{Title: "SALTO KS", Data: data})
	return nil
}

// read reads the linked site and its IQs, or the sites to choose from.
func (v *saltoView) read(ctx context.Context, c *connection) error {
	if c.conn.Site == "" {
		for site, err := range c.client.Sites.All(ctx) {
			if err != nil {
				return err
			}
			v.Sites = append(v.Sites, site)
		}
		return nil
	}
	site, err := c.client.Sites.Get(ctx, c.conn.Site)
	if err != nil {
		return err
	}
	v.Site = &site
	for iq, err := range c.remote.Activation().List(ctx, c.conn.Site) {
		if err != nil {
			return err
		}
		v.IQs = append(v.IQs, iq)
	}
	return nil
}

// connection returns the current connection and its status; nil if there is none.
func (w *web) connection(ctx context.Context) (*connection, *saltoauth.ConnectionStatus, error) {
	c, err := w.connected(ctx)
	if err != nil || c == nil {
		return nil, nil, err
	}
	status, err := w.auth.Status(ctx, c.conn.ID)
	return c, &status, err
}

func (w *web) connect(rw http.ResponseWriter, r *http.Request) error {
	w.consent.Connect().ServeHTTP(rw, r)
	return nil
}

// storeConnection stores the connection that a consent created or renewed.
func (w *web) storeConnection(ctx context.Context, _ string, c saltoauth.Connection) error {
	return w.accounts.set(ctx, "connection", c.ID)
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

// requireConnection returns the connection, or a problem if there is none.
func (w *web) requireConnection(ctx context.Context) (*connection, error) {
	c, err := w.connected(ctx)
	if err == nil && c == nil {
		err = invalid("SALTO KS is not connected.")
	}
	return c, err
}

func (w *web) linkSite(rw http.ResponseWriter, r *http.Request) error {
	c, err := w.requireConnection(r.Context())
	if err != nil {
		return err
	}
	if _, err := w.auth.LinkSite(r.Context(), c.conn.ID, saltoks.SiteID(r.PostFormValue("site"))); err != nil {
		return invalid("%s", saltoMessage(err))
	}
	return redirectWithNote(rw, r, "/manage/salto", "site")
}

func (w *web) disconnectPage(rw http.ResponseWriter, r *http.Request) error {
	return w.showDisconnect(rw, r, http.StatusOK, "")
}

func (w *web) showDisconnect(rw http.ResponseWriter, r *http.Request, status int, problem string) error {
	ctx := r.Context()
	c, err := w.requireConnection(ctx)
	if err != nil {
		return err
	}
	iqs, err := w.auth.NeedSupport(ctx, c.conn.Subject)
	if err != nil {
		return err
	}
	if c.conn.Site != "" {
		for i := range iqs { // without a name, the page shows the id
			if iq, err := c.client.IQs.Get(ctx, iqs[i].Site, iqs[i].IQ); err == nil {
				iqs[i].Name = iq.Name
			}
		}
	}
	doors, err := w.store.Doors(ctx, siteID)
	if err != nil {
		return err
	}
	w.show(rw, r, status, "disconnect", view{Title: "Disconnect SALTO KS", Problem: problem, Data: struct {
		Sentence string
		User     string
		Doors    int
		IQs      []saltoauth.ForgottenIQ
	}{string(saltoauth.AcknowledgeDisconnect), c.conn.UserHint, len(doors), iqs}})
	return nil
}

func (w *web) disconnect(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := w.requireConnection(ctx)
	if err != nil {
		return err
	}
	if r.PostFormValue("understood") != "yes" {
		return w.showDisconnect(rw, r, http.StatusUnprocessableEntity, "Please check the box to confirm.")
	}
	done, err := w.auth.Disconnect(ctx, c.conn.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil {
		return err
	}
	if done.RevokeErr != nil {
		w.log.Warn("the refresh token was not revoked at SALTO", "error", done.RevokeErr)
	}
	if err := w.accounts.set(ctx, "connection", ""); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/salto", "disconnected")
}

// consentFailed shows why a consent failed.
func (w *web) consentFailed(rw http.ResponseWriter, r *http.Request, err error) {
	if wrong, ok := errors.AsType[*saltoauth.WrongUserError](err); ok {
		w.show(rw, r, http.StatusConflict, "wronguser", view{Title: "That was another SALTO user", Data: wrong})
		return
	}
	w.log.Warn("a consent failed", "error", err)
	w.show(rw, r, http.StatusUnprocessableEntity, "consentfailed", view{Title: "SALTO KS is not connected", Problem: saltoMessage(err)})
}
