package saltoauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Authorizer takes a person's consent at SALTO and keeps what came of it as a
// Connection: Begin, Complete, then Tokens for a Client. Later Reconnect,
// Disconnect, Forget. It is safe for concurrent use.
type Authorizer struct {
	id        *identity
	state     *saltostate.State
	warnAfter time.Duration

	// used remembers finished logins until they expire, so that one is taken
	// once per process; over processes the server takes a code once.
	mu   sync.Mutex
	used map[string]time.Time
}

// NewAuthorizer checks c and makes no request. The error names every fault. The
// URLs of Environment and the RedirectURL are https, or http on a loopback
// address.
func NewAuthorizer(c Config) (*Authorizer, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	id := newIdentity(c.Environment, c.Credentials, c.HTTPClient, c.Logger, c.Now)
	return &Authorizer{id: id, state: c.State, warnAfter: c.WarnAfter, used: make(map[string]time.Time)}, nil
}

// Format keeps credentials and pending logins out of every print.
func (a *Authorizer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authorizer of "+a.id.env.Name)
}

// Complete finishes a consent with the query of the callback and stores the
// Connection with its tokens. Errors are typed: ErrConsentDenied,
// ErrStateMismatch, ErrLoginExpired, ErrNoOfflineAccess, ErrNoFullAccess,
// *TokenError, *IdentityError. When it returns an error, nothing is stored, and
// a refresh token that came is revoked at SALTO as well as that goes.
func (a *Authorizer) Complete(ctx context.Context, l Login, callback url.Values) (Connection, error) {
	if l.reconnect != "" {
		return Connection{}, errors.New("saltoks: this login was begun by BeginReconnect: finish it with Reconnect")
	}
	g, err := a.grant(ctx, l, callback)
	if err != nil {
		return Connection{}, err
	}
	conn := "con-" + strings.ToLower(rand.Text())
	doc := &connectionDoc{
		Environment: a.id.env.Name,
		Subject:     g.subject,
		Hint:        g.hint,
		ConnectedAt: g.tokens.ObtainedAt,
		ConsentedAt: g.tokens.ObtainedAt,
		Tokens:      g.tokens,
	}
	// The index first: it may name what is not there, never the reverse.
	owner := userindex.ID(doc.Environment, doc.Subject)
	if err := userindex.TrackConnection(ctx, a.state, owner, conn); err != nil {
		a.discard(ctx, g)
		return Connection{}, fmt.Errorf("saltoks: saving the connection: %w", err)
	}
	err = saltostate.Update(ctx, a.state, connectionDocs, conn, func(context.Context, *connectionDoc) (*connectionDoc, error) { return doc, nil })
	if err != nil {
		undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), saltostate.WriteLimit)
		defer cancel()
		undo := userindex.UntrackConnection(undoing, a.state, owner, conn)
		a.discard(ctx, g)
		return Connection{}, errors.Join(fmt.Errorf("saltoks: saving the connection: %w", err), undo)
	}
	return a.connection(conn, doc), nil
}

// granted is a consent that held in every respect.
type granted struct {
	subject, hint string
	tokens        tokenSet
}

// grant checks the callback, trades the code, and checks what came.
func (a *Authorizer) grant(ctx context.Context, l Login, callback url.Values) (granted, error) {
	if err := ctx.Err(); err != nil {
		return granted{}, err
	}
	code, err := a.checkCallback(l, callback)
	if err != nil {
		return granted{}, err
	}
	m, err := a.id.metadata(ctx)
	if err != nil {
		return granted{}, err
	}
	at := a.id.now()
	t, err := a.id.config(m).Exchange(a.id.withHTTP(ctx), code, oauth2.VerifierOption(l.verifier.Reveal()))
	if err != nil {
		e := identityError("code exchange", err)
		if e.Code == "invalid_grant" {
			e.What = "SALTO does not take the code (used, too old, or of another login): press Connect again"
		}
		return granted{}, e
	}
	set := newTokenSet(t, at)
	raw, _ := t.Extra("id_token").(string)
	c, err := a.id.verifyIDToken(ctx, saltoks.NewSecret(raw), l.nonce, set.Access.Secret)
	g := granted{subject: c.Subject, hint: maskedMail(c.Email), tokens: set}
	switch {
	case err != nil: // nobody knows whose tokens these are
		return granted{}, err
	case !strings.EqualFold(t.Type(), "bearer"):
		a.discard(ctx, g)
		return granted{}, &TokenError{"access token", "token_type", "only Bearer is known here"}
	case set.Scope != "" && !hasScope(set.Scope, scopeFull):
		a.discard(ctx, g)
		return granted{}, ErrNoFullAccess
	case set.Refresh.IsZero():
		return granted{}, ErrNoOfflineAccess
	}
	if g.hint == "" {
		g.hint = a.askHint(ctx, g)
	}
	return g, nil
}

// discard has SALTO forget a consent that is not kept, as well as that goes
// within ctx and a few seconds. Not where the same user is connected here: what
// SALTO takes away along with a refresh token is not known, and a connection
// that works is worth more.
func (a *Authorizer) discard(ctx context.Context, g granted) {
	owner, err := saltostate.Load(ctx, a.state, userindex.Docs, userindex.ID(a.id.env.Name, g.subject))
	n := 0
	if err == nil && owner != nil {
		n, err = a.connected(ctx, owner)
	}
	if err != nil || n > 0 || g.tokens.Refresh.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hintLimit)
	defer cancel()
	_, _ = a.id.revoke(ctx, g.tokens.Refresh.Secret)
}

// askHint asks SALTO for the user's e-mail, which an ID token need not hold. A
// consent does not fail for want of it.
func (a *Authorizer) askHint(ctx context.Context, g granted) string {
	client, err := a.asUser(fixedToken{g.tokens.Access.Secret, g.subject})
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, hintLimit)
	defer cancel()
	me, err := client.Me.Get(ctx)
	if err = errors.Join(err, client.Close(ctx)); err != nil {
		a.id.log.LogAttrs(ctx, slog.LevelWarn, "the connected user's e-mail is not known", slog.String("error", err.Error()))
	}
	return maskedMail(me.Email)
}

const hintLimit = 5 * time.Second

// checkCallback returns the code of a callback that belongs to l.
func (a *Authorizer) checkCallback(l Login, callback url.Values) (string, error) {
	now := a.id.now()
	switch iss := callback.Get("iss"); {
	case l.state.IsZero() || !l.state.Equal(saltoks.NewSecret(callback.Get("state"))):
		return "", ErrStateMismatch
	case !now.Before(l.Expires), !a.useOnce(l, now):
		return "", ErrLoginExpired
	case iss != "" && strings.TrimSuffix(iss, "/") != strings.TrimSuffix(a.id.env.Issuer, "/"):
		return "", fmt.Errorf("%w: it names another identity server", ErrStateMismatch)
	case callback.Get("error") == "access_denied":
		return "", ErrConsentDenied
	case callback.Has("error"):
		return "", &IdentityError{Op: "consent", Status: 200, Code: oauthCode(callback.Get("error")), What: "SALTO ended the login with an error"}
	case callback.Get("code") == "":
		return "", fmt.Errorf("%w: it carries no code", ErrStateMismatch)
	}
	return callback.Get("code"), nil
}

// useOnce marks l as used and forgets the logins that are over anyway.
func (a *Authorizer) useOnce(l Login, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s, expires := range a.used {
		if now.After(expires) {
			delete(a.used, s)
		}
	}
	if _, again := a.used[l.state.Reveal()]; again {
		return false
	}
	a.used[l.state.Reveal()] = l.Expires
	return true
}

func hasScope(scopes, want string) bool {
	for s := range strings.FieldsSeq(scopes) {
		if s == want {
			return true
		}
	}
	return false
}

// Tokens returns the token source of a connection, for NewClient. Only the
// connection's ID is used. Sources of one connection, in any number of
// processes on one store, refresh one at a time. Its Token fails with
// ErrReauthorize when a person must Reconnect and with ErrNotConnected after
// Disconnect; Client.Close waits for a refresh in flight.
func (a *Authorizer) Tokens(c Connection) saltoks.TokenSource {
	return newConnectionTokens(a.id, a.state, c.ID)
}
