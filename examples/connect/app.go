package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"

	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// tenant is the only tenant of this program. A platform takes it from its session.
const tenant = "harbour-house"

type app struct {
	site     *saltolocks.Site
	password string
	clock    *simulatorClock
	log      *slog.Logger
}

// authorize accepts only the admin. A platform checks its session instead.
func (a *app) authorize(r *http.Request) (string, error) {
	user, password, _ := r.BasicAuth()
	if user != "admin" || subtle.ConstantTimeCompare([]byte(password), []byte(a.password)) != 1 {
		return "", errors.New("not the admin")
	}
	return tenant, nil
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { a.show(w, r, nil) })
	mux.Handle("POST /salto/connect", a.site.Consent.Connect())
	mux.Handle("POST /salto/reconnect", a.site.Consent.Reconnect())
	mux.Handle("GET /salto/callback", a.site.Consent.Callback())
	mux.Handle("POST /site", a.action(a.linkSite))
	mux.Handle("POST /iq/request", a.action(a.requestPIN))
	mux.Handle("POST /iq/confirm", a.action(a.confirmPIN))
	mux.Handle("POST /disconnect", a.action(a.disconnect))
	// Another site must neither submit these forms nor show this page in a frame.
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Frame-Options", "DENY")
		if _, err := a.authorize(r); err != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="settings"`)
			http.Error(w, "log in as admin", http.StatusUnauthorized)
			return
		}
		a.clock.sync(r.Context(), a.log)
		mux.ServeHTTP(w, r)
	}))
}

// action handles a form: do changes the connection, then the browser returns to the page.
func (a *app) action(do func(context.Context, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context(), r); err != nil {
			a.show(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}

func (a *app) linkSite(ctx context.Context, r *http.Request) error {
	return a.site.LinkSite(ctx, saltoks.SiteID(r.PostFormValue("site")))
}

// requestPIN begins the activation, or restarts it if SALTO has lost it, and requests a
// PIN. A second call requests another PIN.
func (a *app) requestPIN(ctx context.Context, r *http.Request) error {
	session, err := a.site.Session(ctx)
	if err != nil {
		return err
	}
	activation, iq := session.Remote.Activation(), saltoks.IQID(r.PostFormValue("iq"))
	begin := activation.Begin
	if r.PostFormValue("restart") == "yes" {
		begin = activation.Restart
	}
	if _, err := begin(ctx, session.Site, iq); err != nil {
		return err
	}
	channel := saltoks.PINByMail
	if r.PostFormValue("channel") == "sms" {
		channel = saltoks.PINBySMS
	}
	_, err = activation.RequestPIN(ctx, session.Site, iq, channel)
	return err
}

func (a *app) confirmPIN(ctx context.Context, r *http.Request) error {
	session, err := a.site.Session(ctx)
	if err != nil {
		return err
	}
	pin, err := saltoks.ParseIQPIN(r.PostFormValue("pin"))
	if err != nil {
		return err
	}
	_, err = session.Remote.Activation().Confirm(ctx, session.Site, saltoks.IQID(r.PostFormValue("iq")), pin)
	return err
}

func (a *app) disconnect(ctx context.Context, r *http.Request) error {
	var ack saltoauth.Acknowledgement
	if r.PostFormValue("understood") == "yes" { // the checkbox beside the text of the acknowledgement
		ack = saltoauth.AcknowledgeDisconnect
	}
	done, err := a.site.Disconnect(ctx, ack)
	if err == nil && done.RevokeErr != nil {
		a.log.Warn("the refresh token was not revoked at SALTO", "error", done.RevokeErr)
	}
	return err
}
