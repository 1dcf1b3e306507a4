package saltoks

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
)

// Client calls the Connect API as one SALTO user. It is immutable and safe for
// concurrent use; make one per credential and share it. Every error of a call is
// an *APIError.
type Client struct {
	// Me is the SALTO user whose token the client sends.
	Me *MeService
	// Sites are the sites that this user can see.
	Sites *SitesService
	// IQs are a site's gateways.
	IQs *IQsService
	// Locks are a site's locks.
	Locks *LocksService
	// Users are a site's members in SALTO.
	Users *UsersService
	// AccessGroups give users access to locks in SALTO.
	AccessGroups *AccessGroupsService
	// Entries are SALTO's own audit log.
	Entries *EntriesService
	// Incidents are what SALTO reports about the hardware, if it offers that.
	Incidents *IncidentsService

	cfg          Config // complete
	base         string
	baseURL      *url.URL
	transport    http.RoundTripper
	commands     http.RoundTripper // a new connection for every request
	stdTransport bool              // both are *http.Transport

	budget retryBudget
	closed atomic.Bool
}

// service is the underlying type of every service.
type service struct{ c *Client }

// Waiter is implemented by a TokenSource that refreshes tokens in the
// background. Client.Close calls Wait, which returns when no refresh is in
// flight, or with ctx's error.
type Waiter interface {
	Wait(ctx context.Context) error
}

// NewClient returns a client. It sends no request. Its error names every
// missing or invalid field of the config.
func NewClient(cfg Config) (*Client, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	api, err := baseurl.Parse(cfg.Environment.API)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, base: api.String(), baseURL: api, transport: cfg.HTTPClient.Transport}
	c.commands = c.transport
	if t, ok := c.transport.(*http.Transport); ok {
		c.commands, c.stdTransport = freshTransport(t), true
	}
	if _, err := c.wrap(c.transport); err != nil {
		return nil, err
	}

	s := &service{c}
	c.Me, c.Sites, c.IQs, c.Locks = (*MeService)(s), (*SitesService)(s), (*IQsService)(s), (*LocksService)(s)
	c.Users, c.AccessGroups, c.Entries = (*UsersService)(s), (*AccessGroupsService)(s), (*EntriesService)(s)
	c.Incidents = (*IncidentsService)(s)
	return c, nil
}

// Subject returns the OIDC subject of the SALTO user whose token the client
// sends, or "" if the token source does not know it. It may fetch a token.
func (c *Client) Subject(ctx context.Context) (string, error) {
	token, err := c.token(ctx)
	if err != nil {
		return "", err
	}
	return token.Subject, nil
}

// Close makes further calls fail with ErrClientClosed, closes idle connections
// and waits for a token refresh in flight if the token source is a Waiter.
// Calls in flight are not interrupted. Close may be called more than once.
func (c *Client) Close(ctx context.Context) error {
	c.closed.Store(true)
	for _, t := range []http.RoundTripper{c.transport, c.commands} {
		(&http.Client{Transport: t}).CloseIdleConnections() // also ends dials
	}
	if w, ok := c.cfg.Tokens.(Waiter); ok {
		return w.Wait(ctx)
	}
	return nil
}
