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

// ForgottenIQ is an IQ whose sealed credentials Forget deletes. Its activation
// cannot be repeated through the API (WIRE.md 2.4): a site owner with a valid
// code, a reset of the IQ or SALTO's support is needed before this user can open
// doors there again.
type ForgottenIQ struct {
	Site saltoks.SiteID `json:"site"`
	IQ   saltoks.IQID   `json:"iq"`
	Name string         `json:"name,omitempty"` // "" if it was never known
}

// NeedSupport returns the IQs that would need SALTO's support after Forget.
// Show them to the person before calling Forget.
func (a *Authorizer) NeedSupport(ctx context.Context, subject string) ([]ForgottenIQ, error) {
	owner := userindex.ID(a.id.env.Name, subject)
	doc, err := saltostate.Load(ctx, a.state, userindex.Docs, owner)
	if err != nil {
		return nil, err
	}
	if doc == nil {
		return []ForgottenIQ{}, nil
	}
	return a.needSupport(ctx, owner, doc)
}

// needSupport leaves out the IQs for which nothing is stored: no activation was
// started, or it was deactivated.
func (a *Authorizer) needSupport(ctx context.Context, owner string, doc *userindex.Doc) ([]ForgottenIQ, error) {
	out := []ForgottenIQ{}
	for _, iq := range doc.IQs {
		stored, err := a.state.Has(ctx, userindex.IQKind, userindex.IQID(owner, iq.Site, iq.IQ))
		if err != nil {
			return nil, fmt.Errorf("saltoauth: looking for what is stored of IQ %s: %w", iq.IQ, err)
		}
		if stored {
			out = append(out, ForgottenIQ(iq))
		}
	}
	return out, nil
}

// connected counts the connections of a user. The index may name a connection
// that does not exist, if a process or a store failed halfway.
func (a *Authorizer) connected(ctx context.Context, doc *userindex.Doc) (n int, err error) {
	for _, id := range doc.Connections {
		stored, err := a.state.Has(ctx, connectionDocs.Name, id)
		if err != nil {
			return 0, fmt.Errorf("saltoauth: looking for connection %s: %w", id, err)
		}
		if stored {
			n++
		}
	}
	return n, nil
}

// Forget permanently deletes the activations and sealed IQ credentials of one
// SALTO user. acknowledged is what NeedSupport returned. If an IQ is missing
// there, or if a connection of that user still exists, the error is
// ErrNotAcknowledged and nothing is deleted. If nothing is stored for the user,
// Forget does nothing.
func (a *Authorizer) Forget(ctx context.Context, subject string, acknowledged []ForgottenIQ) error {
	owner := userindex.ID(a.id.env.Name, subject)
	// The whole deletion runs while the owner's document is locked: no new
	// document can be added to it in the meantime, and after a crash it still
	// names the remaining documents.
	return saltostate.Update(ctx, a.state, userindex.Docs, owner, func(doc *userindex.Doc) (*userindex.Doc, error) {
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
		lost, err := a.needSupport(ctx, owner, doc)
		if err != nil {
			return nil, err
		}
		var faults faultlist.List
		for _, iq := range lost {
			if !slices.ContainsFunc(acknowledged, func(f ForgottenIQ) bool { return f.Site == iq.Site && f.IQ == iq.IQ }) {
				faults.Add("", fmt.Errorf("%w: IQ %s will need SALTO's support and is not in the list",
					ErrNotAcknowledged, strings.TrimSpace(string(iq.IQ)+" "+iq.Name)))
			}
		}
		if err := faults.Err("saltoauth"); err != nil {
			return nil, err
		}
		for _, iq := range doc.IQs {
			if err := a.state.Delete(ctx, userindex.IQKind, userindex.IQID(owner, iq.Site, iq.IQ)); err != nil {
				return nil, fmt.Errorf("saltoauth: forgetting IQ %s: %w", iq.IQ, err)
			}
		}
		return nil, nil
	})
}

// Reseal encrypts all documents of one SALTO user (connections, activations, IQ
// credentials) again with the Sealer's current key, so that an older key can be
// removed.
func (a *Authorizer) Reseal(ctx context.Context, subject string) error {
	return userindex.Reseal(ctx, a.state, a.id.env.Name, subject)
}
