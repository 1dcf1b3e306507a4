package saltoauth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Connection is one SALTO user's consent, as it was when it was read. It holds
// no secret. Store its ID with the tenant that it belongs to.
type Connection struct {
	// ID is "con-" and 26 letters and digits. It never changes.
	ID string `json:"id"`
	// Environment is the Name of the Environment in which it was created.
	Environment string `json:"environment"`
	// Subject is the OIDC "sub" of the SALTO user. It is neither a UserID nor a
	// SiteUserID (WIRE.md 1.2).
	Subject string `json:"subject"`
	// UserHint is the user's email, masked ("a***@e***.com"), or "".
	UserHint string `json:"user_hint,omitempty"`
	// Site is the linked site, "" until LinkSite.
	Site saltoks.SiteID `json:"site,omitempty"`
	// ConnectedAt is when the connection was created, ConsentedAt when a person
	// last consented (UTC).
	ConnectedAt time.Time `json:"connected_at,omitzero"`
	ConsentedAt time.Time `json:"consented_at,omitzero"`
	// DueAt is when a person should reconnect (UTC): Config.WarnAfter after
	// ConsentedAt.
	DueAt time.Time `json:"due_at,omitzero"`
	// State reports whether a person must reconnect.
	State ConnectionState `json:"state"`
}

// ConnectionState is the state of a Connection.
type ConnectionState string

const (
	// ConnectionActive means connected: tokens are refreshed as needed.
	ConnectionActive ConnectionState = "connected"
	// ConnectionReauthorize means that SALTO refused the refresh token: a person
	// must Reconnect. Links, names and activations are untouched.
	ConnectionReauthorize ConnectionState = "reauthorize"
)

// Identity is the SALTO user of the connection, as saltoremote requires it.
func (c Connection) Identity() saltoks.Identity {
	return saltoks.Identity{Environment: c.Environment, Subject: c.Subject}
}

// Due reports whether a person should be asked to reconnect, before SALTO stops
// accepting the consent.
func (c Connection) Due(at time.Time) bool { return !c.DueAt.IsZero() && !at.Before(c.DueAt) }

// ConnectionStatus is a Connection with the result of its last refreshes.
type ConnectionStatus struct {
	Connection
	// TokenExpiry is when the stored access token ends (UTC).
	TokenExpiry time.Time `json:"token_expiry,omitzero"`
	// FailedRefreshes counts the failed refreshes since the last success.
	// Processes share the count of those that got an answer; those without an
	// answer count in this process only, and the larger count is reported. Fault
	// describes the last failure, without secrets. RetryAt is when the next
	// refresh may be attempted (UTC).
	FailedRefreshes int       `json:"failed_refreshes"`
	Fault           string    `json:"fault,omitempty"`
	RetryAt         time.Time `json:"retry_at,omitzero"`
	// InvalidClient reports whether the last refresh failed with ErrInvalidClient.
	InvalidClient bool `json:"invalid_client,omitempty"`
	// ReauthorizeSince is when SALTO refused the refresh token; zero if it did
	// not (UTC).
	ReauthorizeSince time.Time `json:"reauthorize_since,omitzero"`
}

// Summary describes the connection at the instant at, in one or two sentences
// for a settings page.
func (s ConnectionStatus) Summary(at time.Time) string {
	switch {
	case s.State == ConnectionReauthorize:
		return "SALTO no longer accepts this connection: reconnect. Doors, names and activations stay as they are."
	case s.InvalidClient:
		return fmt.Sprintf("Connected, but SALTO refuses the client id and secret of this application: an administrator must correct them. "+
			"Next try after %s.", s.RetryAt.UTC().Format(time.RFC3339))
	case s.FailedRefreshes > 0:
		return fmt.Sprintf("Connected, but SALTO's identity server does not answer correctly (%s); next try after %s.",
			s.Fault, s.RetryAt.UTC().Format(time.RFC3339))
	case s.Due(at):
		return fmt.Sprintf("Connected, but the consent is from %s: reconnect soon.", s.ConsentedAt.UTC().Format(time.DateOnly))
	case s.Site == "":
		return "Connected. Choose the site."
	}
	return "Connected. Site linked."
}

// connection returns the stored connection with what is not stored: its ID is the
// key, its DueAt depends on the config, and its State on the tokens.
func (a *Authorizer) connection(id string, doc *connectionDoc) Connection {
	c := doc.Connection
	c.ID, c.DueAt, c.State = id, doc.ConsentedAt.Add(a.warnAfter), ConnectionActive
	if !doc.ReauthorizeAt.IsZero() {
		c.State = ConnectionReauthorize
	}
	return c
}

// load returns a connection's document, whatever its state.
func (a *Authorizer) load(ctx context.Context, id string) (*connectionDoc, error) {
	doc, err := saltostate.Load(ctx, a.state, connectionDocs, id)
	if err != nil {
		return nil, err
	}
	return doc, usableDoc(doc, a.id.env.Name, id)
}

// update changes a connection's document and returns it.
func (a *Authorizer) update(ctx context.Context, id string, change func(doc *connectionDoc) error) (changed *connectionDoc, err error) {
	err = saltostate.Update(ctx, a.state, connectionDocs, id, func(doc *connectionDoc) (*connectionDoc, error) {
		if err := usableDoc(doc, a.id.env.Name, id); err != nil {
			return nil, err
		}
		changed = doc
		return doc, change(doc)
	})
	return changed, err
}

// Connection reads a connection by its ID. The error is ErrNotConnected if
// there is none.
func (a *Authorizer) Connection(ctx context.Context, id string) (Connection, error) {
	doc, err := a.load(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return a.connection(id, doc), nil
}

// Status reads a connection and the result of its refreshes. It makes no request.
func (a *Authorizer) Status(ctx context.Context, id string) (ConnectionStatus, error) {
	doc, err := a.load(ctx, id)
	if err != nil {
		return ConnectionStatus{}, err
	}
	p, now := doc.Pause, a.id.now()
	if local := a.source(id).localPause(); local.Failed > p.Failed && !newHeld(doc.token(), doc.Tokens.ObtainedAt, now).fresh(now) {
		p = local
	}
	return ConnectionStatus{
		Connection:       a.connection(id, doc),
		TokenExpiry:      doc.Tokens.Expiry,
		FailedRefreshes:  p.Failed,
		Fault:            p.Fault,
		RetryAt:          p.Until,
		InvalidClient:    p.error("refresh").Is(ErrInvalidClient),
		ReauthorizeSince: doc.ReauthorizeAt,
	}, nil
}

// LinkSite sets the site of a connection. It first asks SALTO whether the
// connection's user can see the site; if not, the error is ErrSiteNotVisible.
// site may be the site's printed UID; its id is stored. Linking another site
// later changes nothing else: an activation belongs to a user and an IQ.
func (a *Authorizer) LinkSite(ctx context.Context, id string, site saltoks.SiteID) (Connection, error) {
	if _, err := a.load(ctx, id); err != nil {
		return Connection{}, err
	}
	seen, err := a.seesSite(ctx, a.source(id), site)
	if err != nil {
		return Connection{}, err
	}
	changed, err := a.update(ctx, id, func(doc *connectionDoc) error {
		doc.Site = seen
		return nil
	})
	if err != nil {
		return Connection{}, err
	}
	return a.connection(id, changed), nil
}

// asUser returns a client that uses ts and the transport of the identity
// requests.
func (a *Authorizer) asUser(ts saltoks.TokenSource) (*saltoks.Client, error) {
	return saltoks.NewClient(saltoks.Config{Environment: a.id.env, Tokens: ts, HTTPClient: &http.Client{Transport: a.id.transport}})
}

// seesSite asks SALTO whether the user of ts can see the site, and returns its
// id. It reads the list of sites, because it is not known what SALTO answers to
// a request for a site that the user cannot see.
func (a *Authorizer) seesSite(ctx context.Context, ts saltoks.TokenSource, site saltoks.SiteID) (saltoks.SiteID, error) {
	client, err := a.asUser(ts)
	if err != nil {
		return "", err
	}
	for s, err := range client.Sites.All(ctx) {
		if err != nil {
			return "", err
		}
		if site != "" && (s.ID == site || strings.EqualFold(s.UID, string(site))) {
			return s.ID, nil
		}
	}
	return "", ErrSiteNotVisible
}
