package saltoauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Authorizer turns a person's consent at SALTO into a stored Connection: Begin,
// Complete, then Tokens for a Client. Reconnect, Disconnect and Forget follow
// later. It is safe for concurrent use.
type Authorizer struct {
	id        *identity
	state     *saltostate.State
	warnAfter time.Duration

	mu sync.Mutex
	// used holds the hashes of the states of finished logins until they expire,
	// so that each login is accepted once per process. Across processes, the
	// server accepts each code once.
	used map[[sha256.Size]byte]time.Time
	// sources are the token sources by connection ID. All clients of a
	// connection share one source, and Disconnect ends it.
	sources map[string]*connectionTokens
}

// NewAuthorizer checks c and makes no request. The error names every fault. The
// URLs of Environment and the RedirectURL are https, or http on a loopback
// address.
func NewAuthorizer(c Config) (*Authorizer, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	id := newIdentity(c.Environment, c.Credentials, c.HTTPClient, c.Logger, c.Now)
	id.trace = c.TraceRefresh
	return &Authorizer{
		id: id, state: c.State, warnAfter: c.WarnAfter,
		used: make(map[[sha256.Size]byte]time.Time), sources: make(map[string]*connectionTokens),
	}, nil
}

// Format writes the environment's name only: no credentials and no pending
// logins.
func (a *Authorizer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authorizer of "+a.id.env.Name)
}

// Complete finishes a consent with the query of the callback and stores the
// Connection with its tokens. Its typed errors are ErrConsentDenied,
// ErrStateMismatch, ErrLoginExpired, ErrNoOfflineAccess, ErrNoFullAccess,
// ErrToken and *IdentityError. When it returns an error, nothing is stored,
// and it has tried to revoke the refresh token that SALTO issued.
func (a *Authorizer) Complete(ctx context.Context, l Login, callback url.Values) (Connection, error) {
	if l.pending.Reconnect != "" {
		return Connection{}, errors.New("saltoauth: this login was started by BeginReconnect: finish it with Reconnect")
	}
	doc, err := a.grant(ctx, l, callback)
	if err != nil {
		return Connection{}, l.failed(err)
	}
	conn := "con-" + strings.ToLower(rand.Text())
	if err := a.store(ctx, conn, doc); err != nil {
		a.discard(ctx, doc)
		return Connection{}, fmt.Errorf("saltoauth: saving the connection: %w", err)
	}
	return a.connection(conn, doc), nil
}

// store writes a new connection.
func (a *Authorizer) store(ctx context.Context, conn string, doc *connectionDoc) error {
	err := userindex.TrackConnection(ctx, a.state, doc.Environment, doc.Subject, conn)
	if err == nil {
		put := func(*connectionDoc) (*connectionDoc, error) { return doc, nil }
		err = saltostate.Update(ctx, a.state, connectionDocs, conn, put)
	}
	if err == nil {
		return nil
	}
	undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), saltostate.WriteLimit)
	defer cancel()
	return errors.Join(err, userindex.UntrackConnection(undoing, a.state, doc.Environment, doc.Subject, conn))
}

// grant checks the callback, exchanges the code, and checks the tokens. It
// returns the document of a new connection.
func (a *Authorizer) grant(ctx context.Context, l Login, callback url.Values) (*connectionDoc, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	code, err := a.checkCallback(l, callback)
	if err != nil {
		return nil, err
	}
	t := a.id.requestToken(ctx, "code exchange", url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {a.id.creds.RedirectURL}, "code_verifier": {l.pending.Verifier.Reveal()},
	})
	if t.err != nil {
		if t.err.Code == "invalid_grant" {
			t.err.What = "SALTO does not accept the code (used, too old, or of another login)"
		}
		return nil, t.err
	}
	c, err := a.id.oidc.VerifyIDToken(ctx, t.idToken.Reveal(), l.pending.Nonce.Reveal(), t.set.Access.Reveal())
	if err != nil { // the user of these tokens is not known
		return nil, err
	}
	doc := &connectionDoc{Tokens: t.set, Connection: Connection{
		Environment: a.id.env.Name, Subject: c.Subject, UserHint: maskedMail(c.Email),
		ConnectedAt: t.set.ObtainedAt, ConsentedAt: t.set.ObtainedAt,
	}}
	switch {
	case !strings.EqualFold(t.kind, "bearer"):
		a.discard(ctx, doc)
		return nil, &oidc.TokenError{Token: "access token", Claim: "token_type", What: "only Bearer is supported"}
	case t.set.Scope != "" && !slices.Contains(strings.Fields(t.set.Scope), scopeFull):
		a.discard(ctx, doc)
		return nil, ErrNoFullAccess
	case t.set.Refresh.IsZero():
		return nil, ErrNoOfflineAccess
	}
	if doc.UserHint == "" {
		doc.UserHint = a.askHint(ctx, doc)
	}
	return doc, nil
}

// discard revokes a consent that is not stored, within ctx and a few seconds; a
// failure is ignored. It does nothing if the same user has a connection here:
// it is not known what else SALTO revokes along with a refresh token, and the
// working connection must not be lost.
func (a *Authorizer) discard(ctx context.Context, doc *connectionDoc) {
	owner, err := saltostate.Load(ctx, a.state, userindex.Docs, userindex.ID(doc.Environment, doc.Subject))
	n := 0
	if err == nil && owner != nil {
		n, err = a.connected(ctx, owner)
	}
	if err != nil || n > 0 || doc.Tokens.Refresh.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hintLimit)
	defer cancel()
	_, _ = a.id.revoke(ctx, doc.Tokens.Refresh.Secret)
}

// askHint reads the user's email from SALTO, because an ID token may not
// contain it. A consent does not fail without it.
func (a *Authorizer) askHint(ctx context.Context, doc *connectionDoc) string {
	ctx, cancel := context.WithTimeout(ctx, hintLimit)
	defer cancel()
	client, err := a.asUser(fixedToken(doc.token()))
	var me saltoks.Me
	if err == nil {
		me, err = client.Me.Get(ctx)
	}
	if err != nil {
		a.id.log.LogAttrs(ctx, slog.LevelWarn, "the email of the connected user could not be read", slog.String("error", err.Error()))
	}
	return maskedMail(me.Email)
}

// checkCallback returns the code of a callback that belongs to l.
func (a *Authorizer) checkCallback(l Login, callback url.Values) (string, error) {
	now := a.id.now()
	switch iss := callback.Get("iss"); {
	case l.pending.State.IsZero() || !l.pending.State.Equal(saltoks.NewSecret(callback.Get("state"))):
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
		return "", fmt.Errorf("%w: it has no code", ErrStateMismatch)
	}
	return callback.Get("code"), nil
}

// useOnce marks l as used and reports whether it was unused. It removes expired
// logins.
func (a *Authorizer) useOnce(l Login, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s, expires := range a.used {
		if now.After(expires) {
			delete(a.used, s)
		}
	}
	state := sha256.Sum256([]byte(l.pending.State.Reveal()))
	if _, again := a.used[state]; again {
		return false
	}
	a.used[state] = l.Expires
	return true
}

// Tokens returns the token source of a connection, for NewClient. Every call
// with the same connection returns the same source, until Disconnect. Only its ID is
// used. Sources of one connection, in any number of processes on one store,
// refresh one at a time.
//
// Its Token fails with ErrReauthorize when a person must Reconnect, and with
// ErrNotConnected after Disconnect: at once in the same process, within 30
// seconds in others. A process that cannot read the store returns its token for
// 5 minutes more. Client.Close waits for a refresh in flight.
func (a *Authorizer) Tokens(c Connection) saltoks.TokenSource { return a.source(c.ID) }

func (a *Authorizer) source(id string) *connectionTokens {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sources[id]
	if s == nil {
		s = newConnectionTokens(a.id, a.state, id)
		a.sources[id] = s
	}
	return s
}
