package saltoauth

import (
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

var connectionDocs = saltostate.Kind[connectionDoc]{Name: userindex.ConnectionKind, Version: userindex.Version}

// connectionDoc is one consent with its tokens. It is one document, so that the
// consent, its tokens and the record of a failed refresh change together.
type connectionDoc struct {
	Connection          // without ID, DueAt and State: see Authorizer.connection
	Tokens     tokenSet `json:"tokens"`

	// Pause follows the failed refreshes that the identity server answered. All
	// processes that share this document observe it.
	Pause pause `json:"pause,omitzero"`
	// ReauthorizeAt is when the identity server refused the refresh token.
	ReauthorizeAt time.Time `json:"reauthorize_at,omitzero"`
}

func (d *connectionDoc) token() saltoks.Token {
	return saltoks.Token{Access: d.Tokens.Access.Secret, Expiry: d.Tokens.Expiry, Subject: d.Subject}
}

// tokenSet is the tokens of one answer of the token endpoint.
type tokenSet struct {
	Access     storedsecret.Secret `json:"access"`
	Refresh    storedsecret.Secret `json:"refresh"`
	Scope      string              `json:"scope,omitempty"`
	ObtainedAt time.Time           `json:"obtained_at"`
	Expiry     time.Time           `json:"expiry,omitzero"`
}

// usableDoc returns the reason why doc cannot be used as a connection, or nil.
func usableDoc(doc *connectionDoc, environment, id string) error {
	switch {
	case doc == nil:
		return ErrNotConnected
	case doc.Environment != environment:
		return fmt.Errorf("%w: connection %s belongs to environment %q, this authorizer to %q", ErrNotConnected, id, doc.Environment, environment)
	}
	return nil
}
