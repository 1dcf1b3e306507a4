package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// saltoView is the data of the page SALTO KS.
type saltoView struct {
	Status *saltoauth.ConnectionStatus
	Site   *saltoks.Site
	Sites  []saltoks.Site // if no site is linked
	IQs    []saltoremote.IQStatus
	Fault  string // why SALTO KS could not be read
}

// saltoPage is Settings > Integrations > SALTO KS: connect, choose the site, activate the
// IQs, reconnect.
func (p *platform) saltoPage(c *call) error {
	ctx := c.Context()
	status, err := p.status(ctx)
	v := saltoView{Status: status}
	if err == nil && status != nil {
		if err := p.readSALTO(ctx, &v); err != nil {
			p.log.Warn("reading SALTO KS failed", "error", err)
			v.Fault = saltoMessage(err)
		}
	}
	return p.page(c, err, "salto", "SALTO KS", v)
}

// status returns the state of the connection to SALTO KS; nil if there is none.
func (p *platform) status(ctx context.Context) (*saltoauth.ConnectionStatus, error) {
	status, err := p.site.Status(ctx)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		return nil, nil
	}
	return &status, err
}

// readSALTO reads the linked site and its IQs, or the sites to choose from.
func (p *platform) readSALTO(ctx context.Context, v *saltoView) error {
	session, err := p.site.Session(ctx)
	if err != nil {
		return err
	}
	if session.Site == "" {
		return into(&v.Sites)(collect(session.Client.Sites.All(ctx)))
	}
	v.Site = new(saltoks.Site)
	return errors.Join(
		into(v.Site)(session.Client.Sites.Get(ctx, session.Site)),
		into(&v.IQs)(collect(session.Remote.Activation().List(ctx, session.Site))),
	)
}

// saltoMessage returns the message for the manager for an error of SALTO KS.
func saltoMessage(err error) string {
	return cmp.Or(saltoText(err), "SALTO KS could not be reached. Please try again.")
}

// saltoText returns the message for a known error of SALTO KS, or "".
func saltoText(err error) string {
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
	return ""
}

func (p *platform) linkSite(c *call) error {
	err := p.site.LinkSite(c.Context(), saltoks.SiteID(c.PostFormValue("site")))
	return c.done(err, "/manage/salto", "site")
}

func (p *platform) disconnectPage(c *call) error {
	connection, err := p.site.Status(c.Context())
	if err != nil {
		return err
	}
	iqs, err := p.site.Auth.NeedSupport(c.Context(), connection.Subject)
	return p.page(c, err, "disconnect", "Disconnect SALTO KS", struct {
		Sentence string
		User     string
		IQs      []saltoauth.ForgottenIQ
	}{string(saltoauth.AcknowledgeDisconnect), connection.UserHint, iqs})
}

func (p *platform) disconnect(c *call) error {
	if c.PostFormValue("understood") != "yes" {
		return invalidField("understood", "Please check the box to confirm.")
	}
	ended, err := p.site.Disconnect(c.Context(), saltoauth.AcknowledgeDisconnect)
	if err != nil {
		return err
	}
	if ended.RevokeErr != nil {
		p.log.Warn("the refresh token was not revoked at SALTO", "error", ended.RevokeErr)
	}
	return c.done(nil, "/manage/salto", "disconnected")
}

// consentFailed shows why a consent failed.
func (p *platform) consentFailed(rw http.ResponseWriter, r *http.Request, err error) {
	if wrong, ok := errors.AsType[*saltoauth.WrongUserError](err); ok {
		p.show(rw, r, http.StatusConflict, "wronguser", view{Title: "That was another SALTO user", Data: wrong})
		return
	}
	p.log.Warn("a consent failed", "error", err)
	p.show(rw, r, http.StatusUnprocessableEntity, "consentfailed",
		view{Title: "SALTO KS is not connected", Data: invalidField("", "%s", saltoMessage(err))})
}

// iqPage shows the wizard at the current step of the IQ's activation.
func (p *platform) iqPage(c *call) error {
	ctx := c.Context()
	session, err := p.site.Session(ctx)
	if err != nil {
		return err
	}
	wizard := session.Remote.Activation()
	id, fault := saltoks.IQID(c.PathValue("iq")), ""
	if state, err := wizard.State(ctx, session.Site, id); err == nil && state.Step == saltoremote.StepConfirming {
		if _, err := wizard.Resume(ctx, session.Site, id); err != nil {
			fault = saltoMessage(err)
		}
	}
	connection, noStatus := p.site.Status(ctx)
	d, err := wizard.Diagnose(ctx, session.Site, id)
	return p.page(c, errors.Join(err, noStatus), "iq", "Activate "+d.Status.IQ.Name, struct {
		saltoremote.IQStatus
		User, Advice, Fault string
	}{d.Status, connection.UserHint, d.Advice, fault})
}

func (p *platform) iqStep(c *call) error {
	ctx := c.Context()
	session, err := p.site.Session(ctx)
	if err != nil {
		return err
	}
	wizard, site, iq := session.Remote.Activation(), session.Site, saltoks.IQID(c.PathValue("iq"))
	note := ""
	switch c.PathValue("step") {
	case "begin":
		_, err = wizard.Begin(ctx, site, iq)
	case "restart":
		_, err = wizard.Restart(ctx, site, iq)
	case "restore":
		err, note = session.Client.IQs.Restore(ctx, site, iq), "restored"
	case "adopt":
		err, note = p.adopt(ctx, wizard, site, iq, c.PostFormValue("code")), "adopted"
	case "request":
		channel := saltoks.PINByMail
		if c.PostFormValue("channel") == "sms" {
			channel = saltoks.PINBySMS
		}
		_, err = wizard.RequestPIN(ctx, site, iq, channel)
		note = "sent"
	case "confirm":
		var pin saltoks.IQPIN
		if pin, err = saltoks.ParseIQPIN(strings.TrimSpace(c.PostFormValue("pin"))); err == nil {
			_, err = wizard.Confirm(ctx, site, iq, pin)
		}
		note = "activated"
	default:
		return errNotFound
	}
	if err != nil {
		p.log.Warn("activating an IQ", "step", c.PathValue("step"), "error", err)
		return cmp.Or(problemOf(err), invalidField("", "%s", saltoMessage(err)))
	}
	page := "/manage/salto/iq/" + string(iq)
	if note == "activated" {
		page = "/manage/salto"
	}
	return c.done(nil, page, note)
}

var oneTimeCode = regexp.MustCompile(`^[0-9a-fA-F]{5}$`)

// adopt takes over the activation of another integration, with a one-time code of it. The
// wizard then requires the IQ PIN of that activation.
func (p *platform) adopt(ctx context.Context, wizard *saltoremote.Activation, site saltoks.SiteID, iq saltoks.IQID, code string) error {
	code = strings.TrimSpace(code)
	if !oneTimeCode.MatchString(code) {
		return invalidField("code", "A one-time code has five characters, 0 to 9 and a to f.")
	}
	_, err := wizard.Adopt(ctx, site, iq, saltoks.NewOTP(code))
	if errors.Is(err, saltoks.ErrOTPInvalid) {
		return invalidField("code", "SALTO did not accept this code. Create a new one and type it immediately.")
	}
	return err
}
