package saltoauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Connection is one SALTO user's consent, as it was when it was read. It holds
// no secret. Keep its ID beside the tenant it belongs to.
type Connection struct {
	// ID is ours: "con-" and 26 letters and digits, for ever the same.
	ID string
	// Environment is the Name of the Environment it was made in.
	Environment string
	// Subject is the OIDC "sub" of the SALTO user. It is neither a UserID nor
	// a SiteUserID (WIRE.md 1.2, measured).
	Subject string
	// UserHint is the user's e-mail, masked ("a***@e***.com"), or "".
	UserHint string
	// Site is the linked site, "" until LinkSite.
	Site saltoks.SiteID
	// ConnectedAt is when it was made, ConsentedAt when a person last consented
	// (UTC).
	ConnectedAt, ConsentedAt time.Time
	// DueAt is when a person should reconnect (UTC): 75 days after ConsentedAt
	// unless Config.WarnAfter is set.
	DueAt time.Time
	// State says whether it works.
	State ConnectionState
}

// ConnectionState says what a Connection needs.
type ConnectionState string

const (
	// ConnectionActive: connected; tokens are refreshed as needed.
	ConnectionActive ConnectionState = "connected"
	// ConnectionReauthorize: SALTO refused the refresh token; a person must
	// Reconnect. Links, names and activations are untouched.
	ConnectionReauthorize ConnectionState = "reauthorize"
)

// Identity is the SALTO user of the connection, as saltoremote requires it.
func (c Connection) Identity() saltoks.Identity {
	return saltoks.Identity{Environment: c.Environment, Subject: c.Subject}
}

// Due reports whether it is time to ask a person to reconnect, before SALTO
// stops taking the consent.
func (c Connection) Due(at time.Time) bool { return !c.DueAt.IsZero() && !at.Before(c.DueAt) }

// ConnectionStatus is a Connection with what its last refreshes say.
type ConnectionStatus struct {
	Connection
	// TokenExpiry is when the stored access token ends (UTC).
	TokenExpiry time.Time
	// FailedRefreshes counts the tries since the last success; Fault says what
	// the last one met, without secrets; RetryAt is when the next may be made.
	FailedRefreshes int
	Fault           string
	RetryAt         time.Time
	// ReauthorizeSince is when SALTO refused the refresh token; zero when it did not.
	ReauthorizeSince time.Time
}

// Summary says in one sentence how the connection is at that instant, for a
// settings page.
func (s ConnectionStatus) Summary(at time.Time) string {
	switch {
	case s.State == ConnectionReauthorize:
		return "SALTO no longer accepts this connection: reconnect. Doors, names and activations stay as they are."
	case s.FailedRefreshes > 0:
		return fmt.Sprintf("Connected, but SALTO's identity server does not answer as it should (%s); next try after %s.", s.Fault, s.RetryAt.UTC().Format(time.RFC3339))
	case s.Due(at):
		return fmt.Sprintf("Connected, but the consent is from %s: reconnect soon.", s.ConsentedAt.UTC().Format(time.DateOnly))
	case s.Site == "":
		return "Connected. Choose the site."
	}
	return "Connected. Site linked."
}

func (a *Authorizer) connection(id string, doc *connectionDoc) Connection {
	c := Connection{
		ID:          id,
		Environment: doc.Environment,
		Subject:     doc.Subject,
		UserHint:    doc.Hint,
		Site:        doc.Site,
		ConnectedAt: doc.ConnectedAt,
		ConsentedAt: doc.ConsentedAt,
		DueAt:       doc.ConsentedAt.Add(a.warnAfter),
		State:       ConnectionActive,
	}
	if !doc.ReauthorizeAt.IsZero() {
		c.State = ConnectionReauthorize
	}
	return c
}

// load returns a connection's document, whatever its state.
func (a *Authorizer) load(ctx context.Context, id string) (*connectionDoc, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	doc, err := saltostate.Load(ctx, a.state, connectionDocs, id)
	if err != nil {
		return nil, err
	}
	return doc, a.check(doc, id)
}

// check is usableDoc for the verbs that a refused refresh token does not stop.
func (a *Authorizer) check(doc *connectionDoc, id string) error {
	if doc == nil {
		return ErrNotConnected
	}
	alive := *doc
	alive.ReauthorizeAt = time.Time{}
	return usableDoc(&alive, a.id.env.Name, id)
}

// Connection reads a connection by its ID; ErrNotConnected when there is none.
func (a *Authorizer) Connection(ctx context.Context, id string) (Connection, error) {
	doc, err := a.load(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return a.connection(id, doc), nil
}

// Status reads a connection and how its refreshes went. It calls nobody.
func (a *Authorizer) Status(ctx context.Context, id string) (ConnectionStatus, error) {
	doc, err := a.load(ctx, id)
	if err != nil {
		return ConnectionStatus{}, err
	}
	return ConnectionStatus{
		Connection:       a.connection(id, doc),
		TokenExpiry:      doc.Tokens.Expiry,
		FailedRefreshes:  doc.Attempts,
		Fault:            doc.Fault,
		RetryAt:          doc.RetryAt,
		ReauthorizeSince: doc.ReauthorizeAt,
	}, nil
}

// LinkSite makes a site the connection's own, after asking SALTO whether the
// connection's user sees it (ErrSiteNotVisible when not). A printed site UID
// does as well; its id is kept. Linking another site later changes the link
// alone: activations belong to user and IQ.
func (a *Authorizer) LinkSite(ctx context.Context, id string, site saltoks.SiteID) (Connection, error) {
	doc, err := a.load(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	tokens := newConnectionTokens(a.id, a.state, id)
	seen, err := a.seesSite(ctx, tokens, site)
	if err != nil {
		return Connection{}, err
	}
	subject := doc.Subject
	err = saltostate.Update(ctx, a.state, connectionDocs, id, func(_ context.Context, now *connectionDoc) (*connectionDoc, error) {
		if err := a.check(now, id); err != nil {
			return nil, err
		}
		if now.Subject != subject {
			return nil, ErrNotConnected
		}
		now.Site = seen
		doc = now
		return now, nil
	})
	if err != nil {
		return Connection{}, err
	}
	return a.connection(id, doc), nil
}

// asUser makes a client of ts that goes the way of the identity requests.
func (a *Authorizer) asUser(ts saltoks.TokenSource) (*saltoks.Client, error) {
	return saltoks.NewClient(saltoks.Config{Environment: a.id.env, Tokens: ts, HTTPClient: &http.Client{Transport: a.id.transport}})
}

// seesSite asks SALTO whether the user of ts sees the site, and returns its id.
// What SALTO answers for a site that a user does not see is not measured; the
// list of those they do see is.
func (a *Authorizer) seesSite(ctx context.Context, ts saltoks.TokenSource, site saltoks.SiteID) (saltoks.SiteID, error) {
	client, err := a.asUser(ts)
	if err != nil {
		return "", err
	}
	for s, err := range client.Sites.All(ctx) {
		if err != nil {
			return "", errors.Join(err, client.Close(ctx))
		}
		if site != "" && (s.ID == site || strings.EqualFold(s.UID, string(site))) {
			return s.ID, client.Close(ctx)
		}
	}
	return "", errors.Join(ErrSiteNotVisible, client.Close(ctx))
}
