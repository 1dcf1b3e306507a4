package saltoauth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks/internal/oidc"
	"github.com/doorkit/doorkit/saltoks/internal/retryafter"
)

// What can go wrong between "Connect" and a stored Connection. Nothing is
// stored when one of these is returned.
var (
	// ErrConsentDenied: the user pressed "no", or SALTO did for them.
	ErrConsentDenied = errors.New("saltoks: the consent was denied at SALTO: press Connect again and allow full access and offline access")
	// ErrStateMismatch: the callback does not belong to this login.
	ErrStateMismatch = errors.New("saltoks: the callback does not belong to this login (state mismatch): press Connect again in this browser")
	// ErrLoginExpired: more than 10 minutes passed, or the login was used.
	ErrLoginExpired = errors.New("saltoks: this login is over (10 minutes, single use): press Connect again")
	// ErrNoOfflineAccess: no refresh token came, so access would end in an hour.
	ErrNoOfflineAccess = errors.New("saltoks: SALTO granted no offline access: connect again and leave the box \"offline access\" ticked")
	// ErrNoFullAccess: the token may not call the Connect API.
	ErrNoFullAccess = errors.New("saltoks: SALTO granted no full access: connect again and leave the box \"full access\" ticked")
	// ErrToken: a signed token of the identity server does not hold; see TokenError.
	ErrToken = errors.New("saltoks: a token of the identity server does not hold")
	// ErrWrongUser: Reconnect was done by another SALTO user; see WrongUserError.
	ErrWrongUser = errors.New("saltoks: reconnected as another SALTO user")
	// ErrSiteNotVisible: the SALTO user does not see the site.
	ErrSiteNotVisible = errors.New("saltoks: this SALTO user does not see the site: give the user a role there, or choose another site")
	// ErrNotConnected: there is no such connection, or it was disconnected.
	ErrNotConnected = errors.New("saltoks: there is no such connection: connect to SALTO KS first")
	// ErrInvalidClient: the identity server refused the client id and secret. An
	// administrator must correct Credentials; members and tokens are not at fault.
	ErrInvalidClient = errors.New("saltoks: the identity server refused the client id and secret")
	// ErrAlreadyConnected: the tenant has a connection already.
	ErrAlreadyConnected = errors.New("saltoks: SALTO KS is connected already: reconnect that connection, or disconnect it first")
	// ErrNotAcknowledged: a verb with lasting consequences wants them acknowledged.
	ErrNotAcknowledged = errors.New("saltoks: the consequences were not acknowledged")
)

// TokenError says which claim or part of a signed token does not hold. It is
// ErrToken to errors.Is and never carries the token.
type TokenError struct {
	Token string // "ID token" or "access token"
	Claim string // "iss", "aud", "nonce", "exp", "alg", "signature", ...
	What  string
}

// Error says what does not hold.
func (e *TokenError) Error() string {
	return fmt.Sprintf("%v: %s, %s: %s", ErrToken, e.Token, e.Claim, e.What)
}

// Unwrap returns ErrToken.
func (e *TokenError) Unwrap() error { return ErrToken }

// WrongUserError is ErrWrongUser with what may be shown of the two users: their
// e-mail addresses, masked ("a***@e***.com"), or "" where SALTO named none.
type WrongUserError struct{ Want, Got string }

// Error names both users, masked.
func (e *WrongUserError) Error() string {
	want, got := e.Want, e.Got
	if want == "" {
		want = "the user who connected before"
	}
	if got == "" {
		got = "another user"
	}
	return fmt.Sprintf("%v: this connection belongs to %s, the consent came from %s; log out of SALTO KS and reconnect as %s", ErrWrongUser, want, got, want)
}

// Unwrap returns ErrWrongUser.
func (e *WrongUserError) Unwrap() error { return ErrWrongUser }

// IdentityError is a failed exchange with the identity server. The stored
// tokens are kept; nothing in it is secret.
type IdentityError struct {
	Op      string    // "discovery", "keys", "code exchange", "refresh", "password grant", "revocation"
	Status  int       // 0: no answer
	Code    string    // the OAuth error code, "" when there was none
	RetryAt time.Time // the next try is made on a call after this instant; zero: on the next call
	What    string    // one clause without secrets
	cause   error     // a context or network error, never one that quotes a body or a query
}

// Error says what failed and when it is tried again.
func (e *IdentityError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "saltoks: %s at the SALTO identity server failed: %s", e.Op, e.What)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d", e.Status)
		if e.Code != "" {
			fmt.Fprintf(&b, ", %s", e.Code)
		}
		b.WriteString(")")
	}
	if !e.RetryAt.IsZero() {
		fmt.Fprintf(&b, "; tried again after %s", e.RetryAt.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// Unwrap returns the context or network error behind it, if any.
func (e *IdentityError) Unwrap() error { return e.cause }

// Is reports whether target is ErrInvalidClient and the server said so.
func (e *IdentityError) Is(target error) bool {
	return target == ErrInvalidClient && (e.Code == "invalid_client" || e.Code == "unauthorized_client")
}

// Temporary reports whether a later try may succeed with nothing changed: no
// answer, 404, 408, 429, 5xx. Acceptance was seen answering 404 on every path
// for two hours (WIRE.md 1.1, measured).
func (e *IdentityError) Temporary() bool {
	return e.Code == "" && (e.Status == 0 || e.Status == 404 || e.Status == 408 || e.Status == 429 || e.Status >= 500)
}

// identityError sorts an error of golang.org/x/oauth2 or net/http. Their texts
// may hold a body, a query or an Authorization header, so none is kept.
func identityError(op string, err error) *IdentityError {
	e := &IdentityError{Op: op}
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if re.Response != nil {
			e.Status = re.Response.StatusCode
		}
		e.Code = oauthCode(re.ErrorCode)
		e.What = "refused"
		if e.Code == "" {
			e.What = "the answer was no token"
		}
		if e.Code == "invalid_client" || e.Code == "unauthorized_client" {
			e.What = "SALTO does not accept this client id and secret for it: check Credentials"
		}
		return e
	}
	e.What, e.cause = oidc.NetworkCause(err)
	return e
}

// grantError is identityError with what a Retry-After header asked for.
func grantError(op string, err error, at time.Time) *IdentityError {
	e := identityError(op, err)
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok && re.Response != nil {
		if wait, ok := retryafter.Parse(re.Response.Header.Get("Retry-After"), at); ok && wait > 0 {
			e.RetryAt = at.Add(wait)
		}
	}
	return e
}

// oauthCode lets through what looks like an OAuth error code and nothing else.
func oauthCode(s string) string {
	if s == "" || len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return s
}

// typed turns an error of internal/oidc into this package's error for it.
func typed(err error) error {
	switch e := err.(type) {
	case *oidc.Error:
		return &IdentityError{Op: e.Op, Status: e.Status, What: e.What, cause: e.Cause}
	case *oidc.TokenError:
		return &TokenError{Token: e.Token, Claim: e.Claim, What: e.What}
	}
	return err
}
