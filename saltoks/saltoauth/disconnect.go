package saltoauth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Acknowledgement is what a person must have read and agreed to.
type Acknowledgement string

// AcknowledgeDisconnect is what Disconnect does; show it to the person who
// asks for it and pass it on.
const AcknowledgeDisconnect Acknowledgement = "Remote opening stops at once for every member until somebody connects to SALTO KS again. Doors, names and activations are kept. To renew an expired connection, reconnect instead."

// Disconnected says what Disconnect did at SALTO.
type Disconnected struct {
	// Revoked: the refresh token was revoked there.
	Revoked bool
	// RevokeErr is why not; nil also when discovery names no such endpoint.
	RevokeErr error
}

// Disconnect deletes the connection and its tokens and revokes the refresh
// token where the identity server offers that. Site links, door names,
// activations and sealed IQ credentials are kept, by SALTO user: the same user
// may connect again and go on. Without ack being AcknowledgeDisconnect it does
// nothing and returns ErrNotAcknowledged.
//
// A failed revocation does not keep the connection alive; it is in the result.
// An access token that some process already holds works until it expires, an
// hour at most.
func (a *Authorizer) Disconnect(ctx context.Context, id string, ack Acknowledgement) (Disconnected, error) {
	if ack != AcknowledgeDisconnect {
		return Disconnected{}, fmt.Errorf("%w: Disconnect wants AcknowledgeDisconnect: %s", ErrNotAcknowledged, AcknowledgeDisconnect)
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
		return Disconnected{}, err
	}
	err = userindex.UntrackConnection(ctx, a.state, userindex.ID(gone.Environment, gone.Subject), id)
	var d Disconnected
	if gone.ReauthorizeAt.IsZero() {
		d.Revoked, d.RevokeErr = a.id.revoke(ctx, gone.Tokens.Refresh.Secret)
		d.Revoked = d.Revoked && d.RevokeErr == nil
	}
	return d, err
}

// ForgottenIQ is an IQ whose sealed credentials Forget deletes. Its activation
// cannot be repeated through the API (WIRE.md 2.4, measured): a site owner with
// a valid code, a reset of the IQ or SALTO's support must help before this user
// can open doors there again.
type ForgottenIQ struct {
	Site saltoks.SiteID
	IQ   saltoks.IQID
	Name string // "" when it was never known
}

// NeedSupport names the IQs that would need SALTO's support after Forget.
// Show them to the person who asks for it.
func (a *Authorizer) NeedSupport(ctx context.Context, subject string) ([]ForgottenIQ, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	doc, err := saltostate.Load(ctx, a.state, userindex.Docs, userindex.ID(a.id.env.Name, subject))
	if err != nil || doc == nil {
		return nil, err
	}
	return a.needSupport(ctx, doc)
}

// needSupport leaves out the IQs of which nothing is stored: never begun in
// earnest, or deactivated.
func (a *Authorizer) needSupport(ctx context.Context, doc *userindex.Doc) ([]ForgottenIQ, error) {
	var out []ForgottenIQ
	for _, iq := range doc.IQs {
		for _, ref := range iq.Docs {
			stored, err := a.state.Has(ctx, ref.Kind, ref.ID)
			if err != nil {
				return nil, fmt.Errorf("saltoks: looking for what is stored of IQ %s: %w", iq.IQ, err)
			}
			if stored {
				out = append(out, ForgottenIQ{Site: iq.Site, IQ: iq.IQ, Name: iq.Name})
				break
			}
		}
	}
	return out, nil
}

// connected counts the connections of a user. The index may name one that is
// not there, where a process or a store failed on the way.
func (a *Authorizer) connected(ctx context.Context, doc *userindex.Doc) (n int, err error) {
	for _, id := range doc.Connections {
		stored, err := a.state.Has(ctx, connectionDocs.Name, id)
		if err != nil {
			return 0, fmt.Errorf("saltoks: looking for connection %s: %w", id, err)
		}
		if stored {
			n++
		}
	}
	return n, nil
}

// Forget deletes activations and sealed IQ credentials of one SALTO user for
// good. acknowledged is what NeedSupport named: an IQ missing there, or a
// connection of that user still in place, is ErrNotAcknowledged and nothing is
// deleted. Forgetting a user of whom nothing is stored does nothing.
func (a *Authorizer) Forget(ctx context.Context, subject string, acknowledged []ForgottenIQ) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	owner := userindex.ID(a.id.env.Name, subject)
	// The whole deletion runs under the owner's document: no new document can
	// be announced meanwhile, and a crash leaves the names of what is left.
	return saltostate.Update(ctx, a.state, userindex.Docs, owner, func(ctx context.Context, doc *userindex.Doc) (*userindex.Doc, error) {
		if doc == nil {
			return nil, nil
		}
		n, err := a.connected(ctx, doc)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, fmt.Errorf("%w: %d connection(s) of this user are still in place: Disconnect first", ErrNotAcknowledged, n)
		}
		lost, err := a.needSupport(ctx, doc)
		if err != nil {
			return nil, err
		}
		var faults []error
		for _, iq := range lost {
			if !slices.ContainsFunc(acknowledged, func(f ForgottenIQ) bool { return f.Site == iq.Site && f.IQ == iq.IQ }) {
				faults = append(faults, fmt.Errorf("%w: IQ %s will need SALTO's support and was not named", ErrNotAcknowledged, strings.TrimSpace(string(iq.IQ)+" "+iq.Name)))
			}
		}
		if err := faultlist.Join(faults); err != nil {
			return nil, err
		}
		for _, iq := range doc.IQs {
			for _, ref := range iq.Docs {
				if err := a.state.Delete(ctx, ref.Kind, ref.ID); err != nil {
					return nil, fmt.Errorf("saltoks: forgetting IQ %s: %w", iq.IQ, err)
				}
			}
		}
		return nil, nil
	})
}

// Reseal seals everything of one SALTO user (connections, activations, IQ
// credentials) with the sealer's current key, so that an older key can go.
func (a *Authorizer) Reseal(ctx context.Context, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return userindex.Reseal(ctx, a.state, userindex.ID(a.id.env.Name, subject))
}
