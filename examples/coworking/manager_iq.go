package main

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// iqPage shows the wizard at the current step of the IQ's activation.
func (p *platform) iqPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	c, err := p.session(ctx)
	if err != nil {
		return err
	}
	connection, err := p.site.Status(ctx)
	if err != nil {
		return err
	}
	wizard := c.Remote.Activation()
	id := saltoks.IQID(r.PathValue("iq"))
	if state, err := wizard.State(ctx, c.Site, id); err == nil && state.Step == saltoremote.StepConfirming {
		if _, err := wizard.Resume(ctx, c.Site, id); err != nil {
			p.log.Warn("resuming the activation of an IQ", "error", err)
		}
	}
	for iq, err := range wizard.List(ctx, c.Site) {
		if err != nil {
			return &problem{status: http.StatusBadGateway, text: saltoMessage(err)}
		}
		if iq.IQ.ID != id {
			continue
		}
		var advice string
		switch iq.Finding {
		case saltoremote.FindingActivatedElsewhere, saltoremote.FindingActivationLost, saltoremote.FindingRestoreRequired:
			if d, err := wizard.Diagnose(ctx, c.Site, id); err == nil {
				advice = d.Advice
			}
		}
		return p.page(rw, r, "iq", "Activate "+iq.IQ.Name, struct {
			saltoremote.IQStatus
			User, Advice string
		}{iq, connection.UserHint, advice})
	}
	return errNotFound
}

func (p *platform) iqStep(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	c, err := p.session(ctx)
	if err != nil {
		return err
	}
	wizard, site, iq := c.Remote.Activation(), c.Site, saltoks.IQID(r.PathValue("iq"))
	note := ""
	switch r.PathValue("step") {
	case "begin":
		_, err = wizard.Begin(ctx, site, iq)
	case "restart":
		_, err = wizard.Restart(ctx, site, iq)
	case "restore":
		err, note = c.Client.IQs.Restore(ctx, site, iq), "restored"
	case "adopt":
		err, note = p.adopt(ctx, wizard, site, iq, r.PostFormValue("code")), "adopted"
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
		return errNotFound
	}
	if wrong, ok := errors.AsType[*problem](err); ok {
		return wrong
	}
	if err != nil {
		p.log.Warn("activating an IQ", "step", r.PathValue("step"), "error", err)
		return invalid("%s", saltoMessage(err))
	}
	if note == "activated" {
		return redirectWithNote(rw, r, "/manage/salto", note)
	}
	return redirectWithNote(rw, r, "/manage/salto/iq/"+string(iq), note)
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
