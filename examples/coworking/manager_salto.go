package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// saltoPage is Settings > Integrations > SALTO KS: connect, choose the site,
// activate IQs, reconnect.
func (w *web) saltoPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var data struct {
		Status *saltoauth.ConnectionStatus
		Sum    string
		Site   *saltoks.Site
		Sites  []saltoks.Site
		IQs    []saltoremote.IQStatus
		Fault  string // why SALTO could not be asked
	}
	l, status, err := w.connection(ctx)
	if err != nil {
		return err
	}
	if l != nil {
		data.Status, data.Sum = status, status.Summary(w.now())
		if err := func() error {
			if l.conn.Site == "" {
				for site, err := range l.client.Sites.All(ctx) {
					if err != nil {
						return err
					}
					data.Sites = append(data.Sites, site)
				}
				return nil
			}
			site, err := l.client.Sites.Get(ctx, l.conn.Site)
			if err != nil {
				return err
			}
			data.Site = &site
			for iq, err := range l.remote.Activation().List(ctx, l.conn.Site) {
				if err != nil {
					return err
				}
				data.IQs = append(data.IQs, iq)
			}
			return nil
		}(); err != nil {
			w.log.Warn("SALTO KS could not be asked", "error", err)
			data.Fault = saltoSays(err)
		}
	}
	w.show(rw, r, http.StatusOK, "salto", view{Title: "SALTO KS", Data: data})
	return nil
}

// connection is the present one and how it is; nil when there is none.
func (w *web) connection(ctx context.Context) (*live, *saltoauth.ConnectionStatus, error) {
	l, err := w.connected(ctx)
	if err != nil || l == nil {
		return nil, nil, err
	}
	status, err := w.auth.Status(ctx, l.conn.ID)
	return l, &status, err
}

func (w *web) connect(rw http.ResponseWriter, r *http.Request) error {
	w.consent.Connect().ServeHTTP(rw, r)
	return nil
}

// keepConnection is called when a consent has succeeded.
func (w *web) keepConnection(ctx context.Context, _ string, c saltoauth.Connection) error {
	return w.table.set(ctx, "connection", c.ID)
}

// saltoSays makes a sentence for a manager of an error of the client.
func saltoSays(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{saltoks.ErrReauthorize, "SALTO KS wants you to log in again. Reconnect with the same SALTO user."},
		{saltoks.ErrForbidden, "This SALTO user may not do that on this site. It needs the role Site admin."},
		{saltoks.ErrOTPInvalid, "That PIN is not the one SALTO sent. Look at the newest message and type it again."},
		{saltoks.ErrOTPBlocked, "Too many wrong PINs. SALTO takes the next one in about 20 minutes."},
		{saltoks.ErrIQOffline, "The IQ is offline. Check its power and network, then try again."},
		{saltoks.ErrIQAlreadyActivated, "SALTO has this user as activated at this IQ already, by another integration. Adopt it with a code from there, or ask SALTO's support to reset it."},
		{saltoks.ErrRestoreRequired, "The IQ was reset. Restore it in SALTO KS, then activate it anew."},
		{saltoremote.ErrPINNotRequested, "Request a PIN first."},
		{saltoremote.ErrActivationNotBegun, "Begin the activation first."},
		{saltoks.ErrBadIQPIN, "A PIN is exactly 4 digits, as in the message from SALTO."},
		{saltoauth.ErrSiteNotVisible, "This SALTO user does not see that site."},
		{saltoks.ErrRateLimited, "SALTO KS is busy. Please try again in a minute."},
		{saltoks.ErrNoSubscription, "The site's SALTO subscription does not cover this."},
		{saltoauth.ErrConsentDenied, "You did not allow the access at SALTO. Nothing was connected."},
		{saltoauth.ErrNoOfflineAccess, "The box “Offline access” was not ticked. Connect again and leave both boxes ticked."},
		{saltoauth.ErrNoFullAccess, "The box “Full access” was not ticked. Connect again and leave both boxes ticked."},
		{saltoauth.ErrStateMismatch, "That answer of SALTO belongs to another login. Press the button again in this browser."},
		{saltoauth.ErrLoginExpired, "That login took longer than ten minutes, or was used twice. Press the button again."},
		{saltoauth.ErrNotConnected, "SALTO KS is not connected."},
		{saltoauth.ErrAlreadyConnected, "SALTO KS is connected already. Reconnect it with the same SALTO user, or disconnect it first."},
		{saltoks.ErrIQPINNotChanged, "The activation of this IQ was not finished."},
		{saltoks.ErrLockOffline, "The lock is offline."},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return "SALTO KS could not be reached. Please try again."
}

// needConnection is connected for the pages that cannot do without.
func (w *web) needConnection(ctx context.Context) (*live, error) {
	l, err := w.connected(ctx)
	if err == nil && l == nil {
		err = bad("SALTO KS is not connected.")
	}
	return l, err
}

func (w *web) linkSite(rw http.ResponseWriter, r *http.Request) error {
	l, err := w.needConnection(r.Context())
	if err != nil {
		return err
	}
	if _, err := w.auth.LinkSite(r.Context(), l.conn.ID, saltoks.SiteID(r.PostFormValue("site"))); err != nil {
		return bad("%s", saltoSays(err))
	}
	return back(rw, r, "/manage/salto", "site")
}

func (w *web) iqPage(rw http.ResponseWriter, r *http.Request) error {
	return w.showIQ(rw, r, http.StatusOK, "")
}

// showIQ is the wizard at the step that the IQ is at, which no form decides.
func (w *web) showIQ(rw http.ResponseWriter, r *http.Request, status int, problem string) error {
	ctx := r.Context()
	l, err := w.needConnection(ctx)
	if err != nil {
		return err
	}
	wizard := l.remote.Activation()
	id := saltoks.IQID(r.PathValue("iq"))
	if state, err := wizard.State(ctx, l.conn.Site, id); err == nil && state.Step == saltoremote.StepConfirming {
		if _, err := wizard.Resume(ctx, l.conn.Site, id); err != nil {
			problem = saltoSays(err)
		}
	}
	for iq, err := range wizard.List(ctx, l.conn.Site) {
		if err != nil {
			return bad("%s", saltoSays(err))
		}
		if iq.IQ.ID != id {
			continue
		}
		var advice string
		if iq.Readiness == saltoremote.IQActivatedElsewhere || iq.Readiness == saltoremote.IQActivationLost || iq.Readiness == saltoremote.IQRestoreRequired {
			if d, err := wizard.Diagnose(ctx, l.conn.Site, id); err == nil {
				advice = d.Advice
			}
		}
		w.show(rw, r, status, "iq", view{Title: "Activate " + iq.IQ.Name, Problem: problem, Data: struct {
			saltoremote.IQStatus
			User, Advice string
		}{iq, l.conn.UserHint, advice}})
		return nil
	}
	return notHere
}

// notHere is the answer to an address that names nothing.
var notHere = &problem{http.StatusNotFound, "There is no such thing here."}

func (w *web) iqStep(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	l, err := w.needConnection(ctx)
	if err != nil {
		return err
	}
	wizard, site, iq := l.remote.Activation(), l.conn.Site, saltoks.IQID(r.PathValue("iq"))
	note := ""
	switch r.PathValue("step") {
	case "begin":
		_, err = wizard.Begin(ctx, site, iq)
	case "restart":
		_, err = wizard.Restart(ctx, site, iq)
	case "restore":
		err, note = l.client.IQs.Restore(ctx, site, iq), "restored"
	case "adopt":
		err, note = w.adopt(ctx, wizard, site, iq, r.PostFormValue("code")), "adopted"
	case "request":
		channel := saltoks.PINByMail
		if r.PostFormValue("channel") == "sms" {
			channel = saltoks.PINBySMS
		}
		_, err = wizard.RequestPIN(ctx, site, iq, channel)
		note = "sent"
	case "confirm":
		var pin saltoks.IQPIN
		if pin, err = saltoks.ParseIQPIN(strings.TrimSpace(r.PostFormValue("pin"))); err == nil {
			_, err = wizard.Confirm(ctx, site, iq, pin)
		}
		note = "activated"
	default:
		return notHere
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return w.showIQ(rw, r, p.status, p.text)
	}
	if err != nil {
		w.log.Warn("activating an IQ", "step", r.PathValue("step"), "error", err)
		return w.showIQ(rw, r, http.StatusUnprocessableEntity, saltoSays(err))
	}
	if note == "activated" {
		return back(rw, r, "/manage/salto", note)
	}
	return back(rw, r, "/manage/salto/iq/"+string(iq), note)
}

func (w *web) disconnectPage(rw http.ResponseWriter, r *http.Request) error {
	return w.showDisconnect(rw, r, http.StatusOK, "")
}

func (w *web) showDisconnect(rw http.ResponseWriter, r *http.Request, status int, problem string) error {
	ctx := r.Context()
	l, err := w.needConnection(ctx)
	if err != nil {
		return err
	}
	iqs, err := w.auth.NeedSupport(ctx, l.conn.Subject)
	if err != nil {
		return err
	}
	if l.conn.Site != "" {
		for i := range iqs { // names are SALTO's; without them the ids have to do
			if iq, err := l.client.IQs.Get(ctx, iqs[i].Site, iqs[i].IQ); err == nil {
				iqs[i].Name = iq.Name
			}
		}
	}
	doors, err := w.store.Doors(ctx, space)
	if err != nil {
		return err
	}
	w.show(rw, r, status, "disconnect", view{Title: "Disconnect SALTO KS", Problem: problem, Data: struct {
		Sentence string
		User     string
		Doors    int
		IQs      []saltoauth.ForgottenIQ
	}{string(saltoauth.AcknowledgeDisconnect), l.conn.UserHint, len(doors), iqs}})
	return nil
}

func (w *web) disconnect(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	l, err := w.needConnection(ctx)
	if err != nil {
		return err
	}
	if r.PostFormValue("understood") != "yes" {
		return w.showDisconnect(rw, r, http.StatusUnprocessableEntity, "Please tick the box if this is what you want.")
	}
	done, err := w.auth.Disconnect(ctx, l.conn.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil {
		return err
	}
	if done.RevokeErr != nil {
		w.log.Warn("the refresh token was not revoked at SALTO", "error", done.RevokeErr)
	}
	if err := w.table.set(ctx, "connection", ""); err != nil {
		return err
	}
	return back(rw, r, "/manage/salto", "disconnected")
}

// consentFailed tells what went wrong between the button and SALTO's pages.
func (w *web) consentFailed(rw http.ResponseWriter, r *http.Request, err error) {
	if wrong, ok := errors.AsType[*saltoauth.WrongUserError](err); ok {
		w.show(rw, r, http.StatusConflict, "wronguser", view{Title: "That was another SALTO user", Data: wrong})
		return
	}
	w.log.Warn("a consent failed", "error", err)
	w.show(rw, r, http.StatusUnprocessableEntity, "consentfailed", view{Title: "SALTO KS is not connected", Problem: saltoSays(err)})
}
