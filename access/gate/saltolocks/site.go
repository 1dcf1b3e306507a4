package saltolocks

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// Site is one site of a host with everything that it needs: a gate, its doors, and the
// connection to SALTO KS. Make one with Open. It is safe for concurrent use; do not
// change its fields.
//
// Connecting, choosing the site, reconnecting and disconnecting apply to it at once,
// and within 30 seconds in every other process on the same State. While it is not
// connected, each tap is NotSent with gate.CauseNotConnected.
type Site struct {
	Gate  *gate.Gate
	Doors *gate.Doors
	Locks *Locks
	// Entries reads SALTO's own log, for Gate.VendorLog.
	Entries *Entries
	// Auth begins and finishes consents; nil with Config.Tokens. Consent are its
	// handlers; nil without Config.Consent.
	Auth    *saltoauth.Authorizer
	Consent *saltoauth.ConsentHandlers
	// Diagnostics is what Doctor examines. To check one-time codes too, call
	// Gate.Doctor with a copy whose CheckOTP is set.
	Diagnostics gate.Diagnostics
	// Runner has the jobs of the site, for a process with many sites: see gate.Runners. A
	// process with few calls Run or RunOnce instead.
	Runner *gate.Runner

	session *sessions
	salto   saltoks.SiteID // Config.SaltoSite
	now     func() time.Time
}

// Session returns the client and the remote of the SALTO user that is connected now.
// The error is saltoauth.ErrNotConnected if none is. It makes no request, except with
// Config.Tokens, whose Token it calls.
func (s *Site) Session(ctx context.Context) (Session, error) {
	session, err := s.session.current(ctx)
	if s.salto != "" {
		session.Site = s.salto
	}
	return session, err
}

// Status returns the state of the connection: saltoauth.ErrNotConnected if there is
// none. With Config.Tokens there is no consent, and only Site and State are set. It
// makes no request.
func (s *Site) Status(ctx context.Context) (saltoauth.ConnectionStatus, error) {
	if s.Auth == nil {
		conn := saltoauth.Connection{Site: s.salto, State: saltoauth.ConnectionActive}
		return saltoauth.ConnectionStatus{Connection: conn}, nil
	}
	id, err := s.session.connectionID(ctx)
	if err != nil {
		return saltoauth.ConnectionStatus{}, err
	}
	return s.Auth.Status(ctx, id)
}

// Complete finishes a consent that Auth.Begin started, see saltoauth.Authorizer.Complete,
// and makes it the connection of the site. It fails with saltoauth.ErrAlreadyConnected
// if the site has one. Consent does this on its own. Finish one that Auth.BeginReconnect
// started with Auth.Reconnect.
func (s *Site) Complete(ctx context.Context, login saltoauth.Login, callback url.Values) (saltoauth.Connection, error) {
	if s.Auth == nil {
		return saltoauth.Connection{}, errTokens
	}
	conn, err := s.Auth.Complete(ctx, login, callback)
	if err != nil {
		return conn, err
	}
	if err := s.session.use(ctx, conn.ID); err != nil { // do not keep a connection that no site uses
		_, undo := s.Auth.Disconnect(context.WithoutCancel(ctx), conn.ID, saltoauth.AcknowledgeDisconnect)
		return saltoauth.Connection{}, errors.Join(err, undo)
	}
	return conn, nil
}

// LinkSite chooses the site of SALTO KS; Client.Sites lists those that the user can
// see. The error is saltoauth.ErrSiteNotVisible for any other. Doors that are linked to
// locks of another site have to be linked again.
func (s *Site) LinkSite(ctx context.Context, site saltoks.SiteID) error {
	if s.salto != "" {
		return &gate.ConfigError{Faults: []gate.Fault{{Field: "SaltoSite", What: "is set, so no other site can be chosen"}}}
	}
	conn, err := s.session.connection(ctx)
	if err != nil {
		return err
	}
	defer s.session.reread()
	_, err = s.Auth.LinkSite(ctx, conn.ID, site)
	return err
}

// Disconnect ends the connection, see saltoauth.Authorizer.Disconnect.
func (s *Site) Disconnect(ctx context.Context, ack saltoauth.Acknowledgement) (saltoauth.Disconnected, error) {
	conn, err := s.session.connection(ctx)
	if err != nil {
		return saltoauth.Disconnected{}, err
	}
	defer s.session.reread()
	return s.Auth.Disconnect(ctx, conn.ID, ack)
}

var errTokens = &gate.ConfigError{Faults: []gate.Fault{{Field: "Tokens", What: "is set, so the site has no connection of its own"}}}

// Doctor examines the site and its connection, and returns what is wrong, the worst
// first.
func (s *Site) Doctor(ctx context.Context) ([]gate.Issue, error) {
	d := s.Diagnostics
	if _, err := s.Locks.session(ctx); notConnected(err) {
		d.Catalog = nil // one issue, not two
	}
	return s.Gate.Doctor(ctx, d)
}

// Close waits for a token refresh in flight, until ctx ends. Call it after the last
// tap.
func (s *Site) Close(ctx context.Context) error {
	s.session.mu.Lock()
	client := s.session.session.Client
	s.session.mu.Unlock()
	if client == nil {
		return nil
	}
	return client.Close(ctx)
}
