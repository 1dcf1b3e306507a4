package saltoks

import (
	"context"
	"time"
)

// Token is one access token. It prints without its secret part.
type Token struct {
	// Access is the bearer token.
	Access Secret
	// Expiry is the instant the server named; zero when it named none.
	Expiry time.Time
	// Subject is the OIDC "sub" of the user the token speaks for; empty when
	// the source does not know it. It is neither a UserID nor a SiteUserID
	// (WIRE.md 1.2, measured).
	Subject string
}

// TokenSource gives the client its access token, call by call. Token returns
// quickly while the token is fresh; it honours ctx while it waits. An error
// that wraps ErrReauthorize means that a person has to consent again.
// Implementations are safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
}

// Rejecter is what a TokenSource may also implement: the client calls Reject
// after SALTO answered 401 to t, so that the next call gets another token.
// Rejecting a token that is no longer current does nothing.
type Rejecter interface {
	Reject(ctx context.Context, t Token) error
}

// Identity names one SALTO user: the same subject of two environments is two
// users. What is stored of a user is found by it.
type Identity struct {
	// Environment is Environment.Name.
	Environment string `json:"environment"`
	// Subject is the OIDC "sub" of the user. It is neither a UserID nor a
	// SiteUserID (WIRE.md 1.2).
	Subject string `json:"subject"`
}
