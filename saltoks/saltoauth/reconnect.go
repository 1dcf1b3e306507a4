package saltoauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
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
	if l.reconnect == "" {
		return Connection{}, errors.New("saltoks: this login was started by Begin: finish it with Complete")
	}
	id := l.reconnect
	before, err := a.load(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	g, err := a.grant(ctx, l, callback)
	if err != nil {
		return Connection{}, l.failed(err)
	}
	if g.subject != before.Subject {
		a.discard(ctx, g)
		return Connection{}, &WrongUserError{Want: before.Hint, Got: g.hint}
	}
	if before.Site != "" {
		if _, err := a.seesSite(ctx, fixedToken{g.tokens.Access.Secret, g.subject}, before.Site); err != nil {
			return Connection{}, err
		}
	}
	var after *connectionDoc
	err = saltostate.Update(ctx, a.state, connectionDocs, id, func(doc *connectionDoc) (*connectionDoc, error) {
		if err := a.check(doc, id); err != nil {
			return nil, err
		}
		if doc.Subject != g.subject || doc.Site != before.Site {
			return nil, errors.New("saltoks: the connection was changed while it was being reconnected: begin again")
		}
		doc.Tokens, doc.ConsentedAt = g.tokens, g.tokens.ObtainedAt
		doc.clearFault()
		doc.ReauthorizeAt = time.Time{}
		if g.hint != "" {
			doc.Hint = g.hint
		}
		after = doc
		return doc, nil
	})
	if err != nil {
		return Connection{}, fmt.Errorf("saltoks: saving the reconnected connection: %w", err)
	}
	if s := a.known(id); s != nil {
		s.drop() // the next call uses the new consent
	}
	return a.connection(id, after), nil
}

// fixedToken is a TokenSource for the token of a consent that is not stored
// yet.
type fixedToken struct {
	access  saltoks.Secret
	subject string
}

func (f fixedToken) Token(ctx context.Context) (saltoks.Token, error) {
	return saltoks.Token{Access: f.access, Subject: f.subject}, ctx.Err()
}
