package main

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// session is a logged-in account with its client.
type session struct {
	*account
	conn   saltoauth.Connection
	client *saltoks.Client
	remote *saltoremote.Remote
}

// sessionOptions are for verify, which looks at the requests.
type sessionOptions struct {
	identity   http.RoundTripper
	middleware []saltoks.Middleware
}

// withSession calls do with the session of -environment, and waits for a token refresh in
// flight afterwards.
func (a *app) withSession(ctx context.Context, o sessionOptions, do func(*session) error) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	acc, err := a.open(ctx, p, openOptions{transport: o.identity})
	if err != nil {
		return err
	}
	conn, err := acc.connection(ctx)
	if err != nil {
		return err
	}
	s, err := acc.session(conn, o.middleware)
	if err != nil {
		return err
	}
	err = do(s)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	return errors.Join(err, s.client.Close(closing))
}

func (acc *account) session(conn saltoauth.Connection, middleware []saltoks.Middleware) (*session, error) {
	client, err := saltoks.NewClient(saltoks.Config{
		Environment: acc.Environment, Tokens: acc.auth.Tokens(conn), Logger: acc.log, UserAgent: "ks/1", Middleware: middleware,
	})
	if err != nil {
		return nil, err
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: acc.state, User: conn.Identity()})
	return &session{acc, conn, client, remote}, err
}

// siteFlag adds the flag -site.
func siteFlag(flags *flag.FlagSet) *string {
	return flags.String("site", "", "`SITE`: the id, the printed UID or the name (default: the only site of the user)")
}

// withSite calls do with the session and the site that -site names.
func (a *app) withSite(ctx context.Context, name string, do func(*session, saltoks.Site) error) error {
	return a.withSession(ctx, sessionOptions{}, func(s *session) error {
		site, err := s.site(ctx, name)
		if err != nil {
			return err
		}
		return do(s, site)
	})
}

// site returns the site with a name, or the only site if name is empty.
func (s *session) site(ctx context.Context, name string) (saltoks.Site, error) {
	sites, err := collect(s.client.Sites.All(ctx))
	if err != nil {
		return saltoks.Site{}, s.apiError(err)
	}
	if len(sites) == 0 {
		return saltoks.Site{}, personf("this SALTO user is on no site: add the user to a site in SALTO KS, with the role Site admin")
	}
	if name == "" {
		if len(sites) > 1 {
			return saltoks.Site{}, usagef("this SALTO user has %d sites (%s): add -site", len(sites), strings.Join(namesOf(sites, siteName), ", "))
		}
		return sites[0], nil
	}
	for _, site := range sites {
		if strings.EqualFold(name, string(site.ID)) || strings.EqualFold(name, site.UID) {
			return site, nil
		}
	}
	return pick("site", name, sites, siteName, func(s saltoks.Site) string { return string(s.ID) })
}

func siteName(s saltoks.Site) string { return s.Name }

// apiError adds to an error of the first call that the API's URL may be wrong.
func (s *session) apiError(err error) error {
	e, ok := errors.AsType[*saltoks.APIError](err)
	if ok && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusOK) && e.Code == "" {
		return failedf("%s does not answer as SALTO's Connect API (status %d): run ks login with the right -api or -environment",
			s.Environment.API, e.Status)
	}
	return err
}

func (s *session) lock(ctx context.Context, site saltoks.SiteID, name string) (saltoks.Lock, error) {
	locks, err := collect(s.client.Locks.All(ctx, site))
	if err != nil {
		return saltoks.Lock{}, err
	}
	return pick("lock", name, locks, func(l saltoks.Lock) string { return l.Name }, func(l saltoks.Lock) string { return string(l.ID) })
}

// iq returns the IQ with a name, or the only IQ if name is empty.
func (s *session) iq(ctx context.Context, site saltoks.SiteID, name string) (saltoremote.IQStatus, error) {
	var none saltoremote.IQStatus
	iqs, err := collect(s.remote.Activation().List(ctx, site))
	iqName := func(q saltoremote.IQStatus) string { return q.IQ.Name }
	switch {
	case err != nil:
		return none, err
	case len(iqs) == 0:
		return none, personf("the site has no IQ, so no door can be opened remotely: have an IQ installed, and its locks attached to it")
	case name == "" && len(iqs) > 1:
		return none, usagef("the site has %d IQs (%s): name one", len(iqs), strings.Join(namesOf(iqs, iqName), ", "))
	case name == "":
		return iqs[0], nil
	}
	return pick("IQ", name, iqs, iqName, func(q saltoremote.IQStatus) string { return string(q.IQ.ID) })
}

// pick returns the item whose id or name is text, without regard to case. A name that
// several items have is an error, and so is one that none has.
func pick[T any](kind, text string, items []T, name, id func(T) string) (T, error) {
	var found []T
	for _, x := range items {
		if strings.EqualFold(id(x), text) {
			return x, nil
		}
		if strings.EqualFold(name(x), text) {
			found = append(found, x)
		}
	}
	var none T
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		names := namesOf(items, name)
		if hint := suggestion(text, names); hint != "" {
			return none, usagef("there is no %s %q%s", kind, text, hint)
		}
		return none, usagef("there is no %s %q; there are %d: %s", kind, text, len(names), shortened(names))
	}
	return none, usagef("%d of the %ss are named %q: use the id, such as %s", len(found), kind, text, id(found[0]))
}

func namesOf[T any](items []T, name func(T) string) []string {
	names := make([]string, len(items))
	for i, x := range items {
		names[i] = printable(name(x))
	}
	return names
}

// shortened lists at most ten names.
func shortened(names []string) string {
	if len(names) > 10 {
		return strings.Join(names[:10], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// collect returns the items of a list, or its first error.
func collect[T any](list func(yield func(T, error) bool)) ([]T, error) {
	items := []T{}
	for x, err := range list {
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	return items, nil
}
