package saltoauth

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Acknowledgement is what a person must have read and agreed to.
type Acknowledgement string

// AcknowledgeDisconnect is what Disconnect does. Show it to the person who asks
// for it, and pass it on.
const AcknowledgeDisconnect Acknowledgement = "Remote opening stops within 30 seconds for every member, " +
	"until an administrator connects to SALTO KS again. Doors, names and activations are kept. " +
	"To renew an expired connection, reconnect instead."

// Disconnected reports what Disconnect did at SALTO.
type Disconnected struct {
	// Revoked: the refresh token was revoked there.
	Revoked bool `json:"revoked"`
	// RevokeErr is why not; nil also where discovery names no such endpoint.
	RevokeErr error `json:"-"`
}

// Disconnect deletes the connection and its tokens and revokes the refresh
// token where the identity server offers that. Site links, door names,
// activations and sealed IQ credentials are kept by SALTO user: the same user may
// connect again and continue. Without ack being AcknowledgeDisconnect it does
// nothing and returns ErrNotAcknowledged.
//
// Token sources of this Authorizer end at once, those of other processes within
// 30 seconds; one that cannot read the store ends within 5 minutes more. A failed
// revocation does not keep the connection; it is in the result.
func (a *Authorizer) Disconnect(ctx context.Context, id string, ack Acknowledgement) (Disconnected, error) {
	if ack != AcknowledgeDisconnect {
		return Disconnected{}, fmt.Errorf("%w: Disconnect requires AcknowledgeDisconnect: %s", ErrNotAcknowledged, AcknowledgeDisconnect)
	}
	if _, err := a.load(ctx, id); err != nil {
		return Disconnected{}, err
	}
	var gone *connectionDoc
	err := saltostate.Update(ctx, a.state, connectionDocs, id, func(_ context.Context, doc *connectionDoc) (*connectionDoc, error) {
		if err := a.check(doc, id); err != nil {
			return nil, err
		}
		gone = doc
		return nil, nil
	})
	if err != nil {
		if s := a.known(id); s != nil {
			s.drop() // it may be deleted: the next call reads it again
		}
		return Disconnected{}, err
	}
	refresh := gone.Tokens.Refresh.Secret
	if s := a.known(id); s != nil {
		refresh = s.newest(refresh)
	}
	a.end(id)
	err = errors.Join(userindex.UntrackConnection(ctx, a.state, userindex.ID(gone.Environment, gone.Subject), id), a.unlist(ctx, id))
	var d Disconnected
	if gone.ReauthorizeAt.IsZero() {
		d.Revoked, d.RevokeErr = a.id.revoke(ctx, refresh)
		d.Revoked = d.Revoked && d.RevokeErr == nil
	}
	return d, err
}
