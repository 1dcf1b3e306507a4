package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"net/url"
	"os"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

type loginOptions struct {
	clientID, redirect   string
	issuer, api, events  string
	listen               string
	paste                bool
	public, secretInBody bool
	newSecret            bool
}

// register adds the flags for what SALTO issued. preflight has them too.
func (o *loginOptions) register(flags *flag.FlagSet) {
	flags.StringVar(&o.clientID, "client-id", "", "client `ID` that SALTO issued (default: that of the last login)")
	flags.StringVar(&o.redirect, "redirect", "", "callback `URL`, exactly as SALTO registered it (default: that of the last login)")
	flags.StringVar(&o.issuer, "issuer", "", "`URL` of the identity server, if it is not that of -environment")
	flags.StringVar(&o.api, "api", "", "`URL` of the Connect API, if it is not that of -environment")
	flags.StringVar(&o.events, "events", "", "`URL` of event streaming, if it is not that of -environment")
}

func loginCommand() command {
	return command{
		name: "login", short: "log in at SALTO, or renew the consent",
		long: `Logs in with your browser, and stores the tokens sealed. SALTO redirects the browser to
the callback URL that is registered for the client id. If that is an http URL of this
machine, ks receives it there. Otherwise log in with -paste: copy the URL of the page that
the login ends on, even if the page shows an error, and paste it here.

At SALTO, leave every box ticked. Log in as the one user that belongs to the platform
alone, and never log that user into SALTO's phone app.

The client secret is read from KS_CLIENT_SECRET, or asked for at the first login. A public
client (-public) has none. A later login renews the consent of the same SALTO user and
keeps the activations. To change the user, run ks logout first.`,
		setup: func(flags *flag.FlagSet) action {
			var o loginOptions
			o.register(flags)
			flags.StringVar(&o.listen, "listen", "", "`HOST:PORT` to receive the callback at (default: those of the callback URL)")
			flags.BoolVar(&o.paste, "paste", false, "ask for the callback URL instead of listening for it")
			flags.BoolVar(&o.public, "public", false, "the client has no secret")
			flags.BoolVar(&o.secretInBody, "secret-in-body", false, "send the client secret as a form field instead of HTTP Basic")
			flags.BoolVar(&o.newSecret, "new-secret", false, "ask for the client secret instead of using the stored one")
			return func(ctx context.Context, a *app, _ []string) error { return a.login(ctx, o) }
		},
	}
}

func (a *app) login(ctx context.Context, o loginOptions) error {
	p, err := a.loginProfile(&o)
	if err != nil {
		return err
	}
	p.SecretInBody = o.secretInBody || p.SecretInBody
	receive, err := a.receiver(p.RedirectURL, o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return failedf("the folder of the stored state cannot be made: %s", hint(err))
	}
	acc, secret, err := a.openForLogin(ctx, p, o)
	if err != nil {
		return err
	}
	conn, err := acc.consent(ctx, receive)
	if err != nil {
		return err
	}
	if err := errors.Join(acc.saveSecret(ctx, secret), p.save()); err != nil {
		return err
	}
	return a.greet(ctx, acc, conn)
}

// loginProfile returns the stored profile with the flags applied, or a new one.
func (a *app) loginProfile(o *loginOptions) (*profile, error) {
	p, err := a.profile()
	if e, ok := errors.AsType[*exitError](err); ok && e.code == exitPerson { // the first login
		if a.opts.environment == "" {
			return nil, usagef("-environment is missing: production, acceptance, or a URL")
		}
		env, err := environment(a.opts.environment)
		if err != nil {
			return nil, err
		}
		p = &profile{Environment: env}
		if p.dir, err = a.profileDir(env); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	old := p.ClientID
	p.ClientID = cmp.Or(o.clientID, a.getenv("KS_CLIENT_ID"), old)
	o.newSecret = o.newSecret || p.ClientID != old // the stored secret is that of the old client
	p.RedirectURL = cmp.Or(o.redirect, p.RedirectURL)
	env := &p.Environment
	env.Issuer, env.API, env.Events = cmp.Or(o.issuer, env.Issuer), cmp.Or(o.api, env.API), cmp.Or(o.events, env.Events)
	if p.ClientID == "" {
		return nil, usagef("-client-id is missing: the client id that SALTO issued for this environment")
	}
	if p.RedirectURL == "" {
		return nil, usagef("-redirect is missing: the callback URL, exactly as SALTO registered it for the client id")
	}
	if err := env.Validate(); err != nil {
		return nil, usagef("%s", oneLine(err.Error()))
	}
	return p, nil
}

// openForLogin opens the state with the client secret of this login.
func (a *app) openForLogin(ctx context.Context, p *profile, o loginOptions) (*account, saltoks.Secret, error) {
	var secret saltoks.Secret
	given := o.public || a.getenv("KS_CLIENT_SECRET") != ""
	if !given && !o.newSecret {
		acc, err := a.open(ctx, p, openOptions{create: true})
		if err == nil {
			return acc, acc.clientSecret, nil
		}
		if !errors.Is(err, saltoauth.ErrNotConnected) {
			return nil, secret, err
		}
	}
	if !o.public {
		var err error
		if secret, err = a.secret(ctx, "KS_CLIENT_SECRET", "Client secret:"); err != nil {
			return nil, secret, err
		}
		if secret.IsZero() {
			return nil, secret, usagef("the client secret is empty: a client without a secret needs -public")
		}
	}
	acc, err := a.open(ctx, p, openOptions{secret: &secret, create: true})
	return acc, secret, err
}

// consent lets the person log in, and stores or renews the connection.
func (acc *account) consent(ctx context.Context, receive receiver) (saltoauth.Connection, error) {
	old, err := acc.connection(ctx)
	begin, finish := acc.auth.Begin, acc.auth.Complete
	switch {
	case err == nil:
		begin = func(ctx context.Context) (saltoauth.Login, error) { return acc.auth.BeginReconnect(ctx, old.ID) }
		finish = acc.auth.Reconnect
	case !errors.Is(err, saltoauth.ErrNotConnected):
		return old, err
	}
	login, err := begin(ctx)
	if err != nil {
		return old, err
	}
	ctx, cancel := context.WithDeadlineCause(ctx, login.Expires, saltoauth.ErrLoginExpired)
	defer cancel()
	conn, err := receive(ctx, login.URL(), func(ctx context.Context, callback url.Values) (saltoauth.Connection, error) {
		return finish(ctx, login, callback)
	})
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(context.Cause(ctx), saltoauth.ErrLoginExpired) {
		err = saltoauth.ErrLoginExpired
	}
	if errors.Is(err, saltoauth.ErrWrongUser) {
		err = personf("%s, or run ks logout first to change the user", oneLine(err.Error()))
	}
	return conn, err
}

// greet checks that the API answers, and prints the user and the sites.
func (a *app) greet(ctx context.Context, acc *account, conn saltoauth.Connection) error {
	s, err := acc.session(conn, nil)
	if err != nil {
		return err
	}
	defer func() { _ = s.client.Close(context.WithoutCancel(ctx)) }()
	sites, err := collect(s.client.Sites.All(ctx))
	if err != nil {
		return failedf("the login succeeded, but the sites cannot be read: %w", s.apiError(err))
	}
	if a.opts.json {
		return a.printJSON(map[string]any{"connection": conn, "sites": sites})
	}
	a.printf("Logged in to %s as %s.\n", acc.Environment.Name, cmp.Or(conn.UserHint, "a SALTO user"))
	if len(sites) == 0 {
		a.printf("This user is on no site: add the user to a site in SALTO KS.\n")
		return nil
	}
	a.printf("Sites: %s. Next: ks preflight\n", strings.Join(namesOf(sites, siteName), ", "))
	return nil
}

func logoutCommand() command {
	return command{
		name: "logout", short: "end the connection and revoke its tokens",
		long: `Deletes the stored tokens and revokes the consent at SALTO. Activations of IQs are kept,
sealed: the same SALTO user can log in again and continue. Without -yes it asks first.`,
		setup: func(flags *flag.FlagSet) action {
			yes := flags.Bool("yes", false, "do not ask")
			return func(ctx context.Context, a *app, _ []string) error { return a.logout(ctx, *yes) }
		},
	}
}

func (a *app) logout(ctx context.Context, yes bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	acc, err := a.open(ctx, p, openOptions{})
	if err != nil {
		return err
	}
	conn, err := acc.connection(ctx)
	if err != nil {
		return err
	}
	if !yes {
		a.tellf("%s\n", saltoauth.AcknowledgeDisconnect)
		answer, err := a.ask(ctx, "Log out? Type yes:")
		if err != nil {
			return err
		}
		if answer != "yes" {
			return personf("not logged out")
		}
	}
	done, err := acc.auth.Disconnect(ctx, conn.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil {
		return err
	}
	if a.opts.json {
		return a.printJSON(done)
	}
	a.printf("Logged out of %s. Activations are kept in %s.\n", p.Environment.Name, p.dir)
	if done.RevokeErr != nil {
		a.printf("The consent could not be revoked at SALTO (%s): remove it in SALTO KS.\n", oneLine(done.RevokeErr.Error()))
	}
	return nil
}
