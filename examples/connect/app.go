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

// tenant is the only tenant of this program. A platform takes it from its session.
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
	connID string // the connection that client and remote belong to
	client *saltoks.Client
	remote *saltoremote.Remote
}

// setUpConsent creates the handlers of the consent. The other fields must be set.
func (a *app) setUpConsent() (err error) {
	a.consent, err = saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{
		Authorizer:   a.auth,
		Authorize:    a.authorize,
		Connected:    a.storeConnection,
		ConnectionID: func(_ context.Context, tenant string) (string, error) { return a.tenants.get(tenant) },
		Done:         "/",
		Failed:       a.show,
	})
	return err
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
	mux.Handle("POST /salto/connect", a.consent.Connect())
	mux.Handle("POST /salto/reconnect", a.consent.Reconnect())
	mux.Handle("GET /salto/callback", a.consent.Callback())
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
func (a *app) action(do func(context.Context, saltoauth.Connection, *http.Request) error) http.Handler {
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

// connection returns the tenant's connection.
func (a *app) connection(ctx context.Context) (saltoauth.Connection, error) {
	id, err := a.tenants.get(tenant)
	if err != nil {
		return saltoauth.Connection{}, err
	}
	return a.auth.Connection(ctx, id)
}

// storeConnection stores the connection that a consent created or renewed.
func (a *app) storeConnection(_ context.Context, tenant string, c saltoauth.Connection) error {
	return a.tenants.set(tenant, c.ID)
}

func (a *app) linkSite(ctx context.Context, conn saltoauth.Connection, r *http.Request) error {
	_, err := a.auth.LinkSite(ctx, conn.ID, saltoks.SiteID(r.PostFormValue("site")))
	return err
}

// requestPIN begins the activation, or restarts it if SALTO has lost it, and requests a
// PIN. A second call requests another PIN.
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
	if r.PostFormValue("understood") == "yes" { // the checkbox beside the text of the acknowledgement
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
	_, remote, err := a.clients(conn)
	if err != nil {
		return nil, err
	}
	return remote.Activation(), nil
}

// clients returns the client and the remote of a connection. It creates them once per
// connection.
func (a *app) clients(conn saltoauth.Connection) (*saltoks.Client, *saltoremote.Remote, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connID == conn.ID {
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
	a.connID, a.client, a.remote = conn.ID, client, remote
	return client, remote, nil
}

// close waits for a token refresh in progress.
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
