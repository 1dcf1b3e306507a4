package saltoauth

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Acknowledgement is a text that a person must have read and agreed to.
type Acknowledgement string

// AcknowledgeDisconnect describes what Disconnect does. Show it to the person
// who disconnects, and pass it to Disconnect.
const AcknowledgeDisconnect Acknowledgement = "Remote opening stops within 30 seconds for every member, " +
	"until an administrator connects to SALTO KS again. Doors, names and activations are kept. " +
	"To renew an expired connection, reconnect instead."

// Disconnected reports what Disconnect did at SALTO.
type Disconnected struct {
	// Revoked: the refresh token was revoked.
	Revoked bool `json:"revoked"`
	// RevokeErr is why it was not revoked. It is also nil if discovery names no
	// revocation endpoint.
	RevokeErr error `json:"-"`
}

// Disconnect deletes the connection and its tokens and revokes the refresh
// token if the identity server supports that. Site links, door names,
// activations and sealed IQ credentials are kept under the SALTO user: the same
// user may connect again and continue. If ack is not AcknowledgeDisconnect, it
// does nothing and returns ErrNotAcknowledged.
//
// Token sources of this Authorizer end immediately, those of other processes
// within 30 seconds; a source that cannot read the store ends within 5 minutes
// more. If the revocation fails, the connection is deleted nevertheless, and
// the result holds the error.
func (a *Authorizer) Disconnect(ctx context.Context, id string, ack Acknowledgement) (Disconnected, error) {
	if ack != AcknowledgeDisconnect {
		return Disconnected{}, fmt.Errorf("%w: Disconnect requires AcknowledgeDisconnect: %s", ErrNotAcknowledged, AcknowledgeDisconnect)
	}
	source := a.source(id) // before another Disconnect removes it
	var gone *connectionDoc
	err := saltostate.Update(ctx, a.state, connectionDocs, id, func(doc *connectionDoc) (*connectionDoc, error) {
		gone = doc
		return nil, usableDoc(doc, a.id.env.Name, id)
	})
	if err == nil || errors.Is(err, ErrNotConnected) { // a caller that has the source gets ErrNotConnected
		a.mu.Lock()
		delete(a.sources, id)
		a.mu.Unlock()
		source.end()
	}
	if err != nil {
		source.drop() // it may be deleted: the next call reads it again
		return Disconnected{}, err
	}
	refresh := source.newest(gone.Tokens.Refresh.Secret)
	err = userindex.UntrackConnection(ctx, a.state, gone.Environment, gone.Subject, id)
	var d Disconnected
	if gone.ReauthorizeAt.IsZero() {
		d.Revoked, d.RevokeErr = a.id.revoke(ctx, refresh)
	}
	return d, err
}
