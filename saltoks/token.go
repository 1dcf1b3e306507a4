package saltoks

import (
	"context"
	"time"
)

// Token is one access token. It prints without its secret part.
type Token struct {
	// Access is the bearer token.
	Access Secret
	// Expiry is the expiry that the server returned; zero if it returned none.
	Expiry time.Time
	// Subject is the OIDC "sub" of the token's user; empty if the source does not
	// know it. It is neither a UserID nor a SiteUserID.
	Subject string
}

// TokenSource supplies the client's access token before each attempt. Token
// returns quickly while the token is fresh, and stops waiting when ctx ends. An
// error that wraps ErrReauthorize means that a person must consent again.
// Implementations must be safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
}

// Rejecter is implemented by a TokenSource that can replace a token before it
// expires. The client calls Reject after SALTO answered 401 to a request with
// t, so that the next call gets another token. Rejecting a token that is no
// longer current does nothing.
type Rejecter interface {
	Reject(ctx context.Context, t Token) error
}

// Identity names one SALTO user. It is the key of the user's stored state. The
// same subject in two environments means two users.
type Identity struct {
	// Environment is Environment.Name.
	Environment string `json:"environment"`
	// Subject is the OIDC "sub" of the user. It is neither a UserID nor a
	// SiteUserID.
	Subject string `json:"subject"`
}
