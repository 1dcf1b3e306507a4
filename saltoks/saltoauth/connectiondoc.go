package saltoauth

import (
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

var connectionDocs = saltostate.Kind[connectionDoc]{Name: userindex.ConnectionKind, Version: 1}

// connectionDoc is one consent with its tokens. They are one document so that
// a consent, its tokens and the note of a failed refresh change together.
type connectionDoc struct {
	Environment string         `json:"environment"`
	Subject     string         `json:"subject"`
	Hint        string         `json:"hint,omitempty"` // the user's e-mail, masked
	Site        saltoks.SiteID `json:"site,omitempty"`
	ConnectedAt time.Time      `json:"connected_at"`
	ConsentedAt time.Time      `json:"consented_at"` // the newest consent: ConnectedAt or a Reconnect

	Tokens tokenSet `json:"tokens"`

	// What the processes sharing this document know about failed refreshes.
	Attempts int       `json:"attempts,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	Fault    string    `json:"fault,omitempty"`
	// ReauthorizeAt is when the identity server refused the refresh token.
	ReauthorizeAt time.Time `json:"reauthorize_at,omitzero"`
}

// tokenSet is what the token endpoint handed out at once.
type tokenSet struct {
	Access     storedsecret.Secret `json:"access"`
	Refresh    storedsecret.Secret `json:"refresh"`
	Scope      string              `json:"scope,omitempty"`
	ObtainedAt time.Time           `json:"obtained_at"`
	Expiry     time.Time           `json:"expiry,omitzero"`
}

// usableDoc says why a connection cannot be used at all, nil when it can.
func usableDoc(doc *connectionDoc, environment, id string) error {
	switch {
	case doc == nil:
		return ErrNotConnected
	case doc.Environment != environment:
		return fmt.Errorf("%w: connection %s belongs to environment %q, this authorizer to %q", ErrNotConnected, id, doc.Environment, environment)
	case !doc.ReauthorizeAt.IsZero():
		return saltoks.ErrReauthorize
	}
	return nil
}
