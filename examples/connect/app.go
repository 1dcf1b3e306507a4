package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// tenant is the only one here; a platform takes it from its own session.
const tenant = "harbour-house"

type app struct {
	env      saltoks.Environment
	auth     *saltoauth.Authorizer
	state    *saltostate.State
	tenants  *tenants
	password string
	clock    *simulatorClock
	log      *slog.Logger
	consent  *saltoauth.ConsentHandlers

	mu     sync.Mutex
	open   string // the connection that client and remote belong to
	client *saltoks.Client
	remote *saltoremote.Remote
}

func newApp(env saltoks.Environment, auth *saltoauth.Authorizer, state *saltostate.State, t *tenants, password string, clock *simulatorClock, log *slog.Logger) (*app, error) {
	a := &app{env: env, auth: auth, state: state, tenants: t, password: password, clock: clock, log: log}
	var err error
	a.consent, err = saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{
		Authorizer:   auth,
		Authorize:    a.authorize,
		Connected:    a.keep,
		ConnectionID: func(_ context.Context, tenant string) (string, error) { return a.tenants.get(tenant) },
		Done:         "/",
		Failed:       func(w http.ResponseWriter, r *http.Request, err error) { a.show(w, r, err) },
	})
	return a, err
}

// authorize lets the one admin in. A platform asks its session instead.
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
	mux.HandleFunc("POST /salto/connect", a.connect)
	mux.Handle("POST /salto/reconnect", a.consent.Reconnect())
	mux.Handle("GET /salto/callback", a.consent.Callback())
	mux.Handle("POST /site", a.deed(a.linkSite))
	mux.Handle("POST /iq/request", a.deed(a.requestPIN))
	mux.Handle("POST /iq/confirm", a.deed(a.confirmPIN))
	mux.Handle("POST /disconnect", a.deed(a.disconnect))
	// A form on a strange page must not press our buttons.
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if _, err := a.authorize(r); err != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="settings"`)
			http.Error(w, "log in as admin", http.StatusUnauthorized)
			return
		}
		a.clock.follow(r.Context(), a.log)
		mux.ServeHTTP(w, r)
	}))
}

// deed does one thing for the connection and goes back to the page.
func (a *app) deed(do func(context.Context, saltoauth.Connection, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := a.connection(r.Context())
		if err == nil {
			err = do(r.Context(), conn, r)
		}
		if err != nil {
			a.show(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}

func (a *app) connection(ctx context.Context) (saltoauth.Connection, error) {
	id, err := a.tenants.get(tenant)
	if err != nil {
		return saltoauth.Connection{}, err
	}
	return a.auth.Connection(ctx, id)
}

var errConnected = errors.New("connected already: reconnect with the same SALTO user, or disconnect first")

// connect begins a first consent. What is connected is renewed or disconnected: put
// in its place, another SALTO user would have no activated IQ.
func (a *app) connect(w http.ResponseWriter, r *http.Request) {
	_, err := a.connection(r.Context())
	switch {
	case err == nil:
		a.show(w, r, errConnected)
	case errors.Is(err, saltoauth.ErrNotConnected):
		a.consent.Connect().ServeHTTP(w, r)
	default:
		a.show(w, r, err)
	}
}

// keep is called when a consent has come back. Meanwhile a second window may have
// been the first.
func (a *app) keep(ctx context.Context, tenant string, c saltoauth.Connection) error {
	old, err := a.connection(ctx)
	if err == nil && old.ID != c.ID {
		return errConnected
	}
	if err != nil && !errors.Is(err, saltoauth.ErrNotConnected) {
		return err
	}
	return a.tenants.set(tenant, c.ID)
}

func (a *app) linkSite(ctx context.Context, conn saltoauth.Connection, r *http.Request) error {
	_, err := a.auth.LinkSite(ctx, conn.ID, saltoks.SiteID(r.PostFormValue("site")))
	return err
}

// requestPIN begins the activation where that was not done, or anew where SALTO
// has lost it, and has the PIN sent; pressed again, it sends another one.
func (a *app) requestPIN(ctx context.Context, conn saltoauth.Connection, r *http.Request) error {
	activation, err := a.activation(conn)
	if err != nil {
		return err
	}
	iq := saltoks.IQID(r.PostFormValue("iq"))
	begin := activation.Begin
	if r.PostFormValue("restart") == "yes" {
		begin = activation.Restart
	}
	if _, err := begin(ctx, conn.Site, iq); err != nil {
		return err
	}
	channel := saltoks.PINByMail
	if r.PostFormValue("channel") == "sms" {
		channel = saltoks.PINBySMS
	}
	_, err = activation.RequestPIN(ctx, conn.Site, iq, channel)
	return err
}

func (a *app) confirmPIN(ctx context.Context, conn saltoauth.Connection, r *http.Request) error {
	activation, err := a.activation(conn)
	if err != nil {
		return err
	}
	pin, err := saltoks.ParseIQPIN(r.PostFormValue("pin"))
	if err != nil {
		return err
	}
	_, err = activation.Confirm(ctx, conn.Site, saltoks.IQID(r.PostFormValue("iq")), pin)
	return err
}

func (a *app) disconnect(ctx context.Context, conn saltoauth.Connection, r *http.Request) error {
	var ack saltoauth.Acknowledgement
	if r.PostFormValue("understood") == "yes" { // the box beside the sentence itself
		ack = saltoauth.AcknowledgeDisconnect
	}
	done, err := a.auth.Disconnect(ctx, conn.ID, ack)
	if err != nil {
		return err
	}
	if done.RevokeErr != nil {
		a.log.Warn("the refresh token was not revoked at SALTO", "error", done.RevokeErr)
	}
	return a.tenants.set(tenant, "")
}

func (a *app) activation(conn saltoauth.Connection) (*saltoremote.Activation, error) {
	_, remote, err := a.use(conn)
	if err != nil {
		return nil, err
	}
	return remote.Activation(), nil
}

// use returns the client and remote of the connection, the same ones as long as
// the connection is the same.
func (a *app) use(conn saltoauth.Connection) (*saltoks.Client, *saltoremote.Remote, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == conn.ID {
		return a.client, a.remote, nil
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: a.env, Tokens: a.auth.Tokens(conn)})
	if err != nil {
		return nil, nil, err
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: a.state, User: conn.Identity(), Now: a.clock.Now})
	if err != nil {
		return nil, nil, err
	}
	if a.client != nil {
		if err := a.client.Close(context.Background()); err != nil {
			return nil, nil, err
		}
	}
	a.open, a.client, a.remote = conn.ID, client, remote
	return client, remote, nil
}

// close waits for a token refresh in flight.
func (a *app) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return a.client.Close(ctx)
}
