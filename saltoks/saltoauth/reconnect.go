package saltoauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// BeginReconnect starts a new consent for an existing connection in any state.
// Finish it with Reconnect.
func (a *Authorizer) BeginReconnect(ctx context.Context, id string) (Login, error) {
	if _, err := a.load(ctx, id); err != nil {
		return Login{}, err
	}
	return a.begin(ctx, id)
}

// Reconnect finishes the consent that BeginReconnect started: it replaces the
// tokens of the connection and changes nothing else. The consent must come from
// the same SALTO user, compared by OIDC subject (else *WrongUserError), and
// that user must still see the linked site (else ErrSiteNotVisible). Both are
// checked before the old tokens are replaced. On any error the connection stays
// as it was, and a refresh token of another user is revoked if SALTO permits
// it.
func (a *Authorizer) Reconnect(ctx context.Context, l Login, callback url.Values) (Connection, error) {
	if l.pending.Reconnect == "" {
		return Connection{}, errors.New("saltoauth: this login was started by Begin: finish it with Complete")
	}
	id := l.pending.Reconnect
	before, err := a.load(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	g, err := a.grant(ctx, l, callback)
	if err != nil {
		return Connection{}, l.failed(err)
	}
	if g.Subject != before.Subject {
		a.discard(ctx, g)
		return Connection{}, &WrongUserError{Want: before.UserHint, Got: g.UserHint}
	}
	if before.Site != "" {
		if _, err := a.seesSite(ctx, fixedToken(g.token()), before.Site); err != nil {
			return Connection{}, err
		}
	}
	after, err := a.update(ctx, id, func(doc *connectionDoc) error {
		if doc.Subject != g.Subject || doc.Site != before.Site {
			return errors.New("saltoauth: the connection was changed while it was being reconnected: begin again")
		}
		doc.Tokens, doc.ConsentedAt = g.Tokens, g.ConsentedAt
		doc.Pause, doc.ReauthorizeAt = pause{}, time.Time{}
		doc.UserHint = cmp.Or(g.UserHint, doc.UserHint)
		return nil
	})
	if err != nil {
		return Connection{}, fmt.Errorf("saltoauth: saving the reconnected connection: %w", err)
	}
	a.source(id).drop() // the next call uses the new consent
	return a.connection(id, after), nil
}

// fixedToken is a TokenSource for the token of a consent that is not stored
// yet.
type fixedToken saltoks.Token

func (f fixedToken) Token(ctx context.Context) (saltoks.Token, error) {
	return saltoks.Token(f), ctx.Err()
}
