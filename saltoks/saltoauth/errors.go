package saltoauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
)

// Errors of a consent and of a Connection. If a consent fails with one of
// these, nothing is stored.
var (
	// ErrConsentDenied: the person pressed "no", or SALTO denied the consent.
	ErrConsentDenied = errors.New("saltoauth: the consent was denied at SALTO: allow full access and offline access")
	// ErrStateMismatch: the callback does not belong to this login.
	ErrStateMismatch = errors.New("saltoauth: the callback does not belong to this login (state mismatch)")
	// ErrLoginExpired: more than 10 minutes have passed, or the login was
	// already used.
	ErrLoginExpired = errors.New("saltoauth: this login has expired (10 minutes, single use)")
	// ErrNoOfflineAccess: SALTO issued no refresh token, so access would end
	// after an hour.
	ErrNoOfflineAccess = errors.New("saltoauth: SALTO granted no offline access: leave the box \"offline access\" ticked")
	// ErrNoFullAccess: the token may not call the Connect API.
	ErrNoFullAccess = errors.New("saltoauth: SALTO granted no full access: leave the box \"full access\" ticked")
	// ErrToken: a signed token of the identity server is not valid. The error
	// names the claim.
	ErrToken = oidc.ErrToken
	// ErrWrongUser: another SALTO user answered a Reconnect; see WrongUserError.
	ErrWrongUser = errors.New("saltoauth: reconnected as another SALTO user")
	// ErrSiteNotVisible: the SALTO user cannot see the site.
	ErrSiteNotVisible = errors.New("saltoauth: this SALTO user cannot see the site: give the user a role there, or choose another site")
	// ErrNotConnected: there is no such connection, or it was disconnected.
	ErrNotConnected = errors.New("saltoauth: there is no such connection: connect to SALTO KS first")
	// ErrAlreadyConnected: the tenant has a connection.
	ErrAlreadyConnected = errors.New("saltoauth: SALTO KS is already connected: reconnect that connection, or disconnect it first")
	// ErrInvalidClient: the identity server refused the client id and secret. An
	// administrator must correct Credentials; tokens and consents are kept.
	ErrInvalidClient = errors.New("saltoauth: the identity server refused the client id and secret")
	// ErrNotAcknowledged: a call with lasting consequences requires that they are
	// acknowledged.
	ErrNotAcknowledged = errors.New("saltoauth: the consequences were not acknowledged")
)

// WrongUserError is ErrWrongUser with the email addresses of the two users,
// masked ("a***@e***.com"), or "" if SALTO returned none.
type WrongUserError struct {
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Error names both users, masked.
func (e *WrongUserError) Error() string {
	want, got := e.Want, e.Got
	if want == "" {
		want = "the user who connected before"
	}
	switch got {
	case "":
		got = "another user"
	case want:
		got = "another user whose address looks like it"
	}
	return fmt.Sprintf("%v: this connection belongs to %s, the consent came from %s; log out of SALTO KS and reconnect as %s",
		ErrWrongUser, want, got, want)
}

// Unwrap returns ErrWrongUser.
func (e *WrongUserError) Unwrap() error { return ErrWrongUser }

// IdentityError is a failed request to the identity server. The stored tokens are
// kept; nothing in it is secret.
type IdentityError struct {
	Op      string    `json:"op"`                // "discovery", "keys", "consent", "code exchange", "refresh", "password grant", "revocation"
	URL     string    `json:"url"`               // the address of the request, without a query; "" if none was made
	Status  int       `json:"status"`            // 0: no answer
	Code    string    `json:"code"`              // the OAuth error code, "" if there was none
	RetryAt time.Time `json:"retry_at,omitzero"` // the next attempt is made on a call after this instant; zero: on the next call
	What    string    `json:"what"`              // one clause without secrets
	cause   error     // a context or network error, never one that quotes a body or a query
}

// Error names what failed, where, and when it is tried again.
func (e *IdentityError) Error() string {
	status, again := "", ""
	if e.Status != 0 {
		status = fmt.Sprintf("status %d", e.Status)
	}
	if !e.RetryAt.IsZero() {
		again = "; tried again after " + e.RetryAt.UTC().Format(time.RFC3339)
	}
	details := slices.DeleteFunc([]string{e.URL, status, e.Code}, func(s string) bool { return s == "" })
	if len(details) > 0 {
		again = " (" + strings.Join(details, ", ") + ")" + again
	}
	return fmt.Sprintf("saltoauth: %s at the SALTO identity server failed: %s%s", e.Op, e.What, again)
}

// Unwrap returns the underlying context or network error, if any.
func (e *IdentityError) Unwrap() error { return e.cause }

// Is reports whether target is ErrInvalidClient and the server refused the
// client.
func (e *IdentityError) Is(target error) bool {
	return target == ErrInvalidClient && (e.Code == "invalid_client" || e.Code == "unauthorized_client")
}

// Temporary reports whether a later attempt may succeed without any change:
// after no answer, 404, 408, 429 or 5xx. An outage of SALTO may answer 404 on
// every path (WIRE.md 1.1).
func (e *IdentityError) Temporary() bool {
	return e.Code == "" && (e.Status == 0 || e.Status == 404 || e.Status == 408 || e.Status == 429 || e.Status >= 500)
}

// networkError returns an IdentityError that keeps only the kind of err: the
// text of err may hold a body, a query or an Authorization header.
func networkError(op, address string, err error) *IdentityError {
	e := &IdentityError{Op: op, URL: address}
	e.What, e.cause = networkCause(err)
	return e
}

// asIdentityError returns err if it is an IdentityError, otherwise a network error.
func asIdentityError(op string, err error) *IdentityError {
	if e, ok := errors.AsType[*IdentityError](err); ok {
		return e
	}
	return networkError(op, "", err)
}

func reauthorize(cause error) error {
	return fmt.Errorf("%w (%w)", saltoks.ErrReauthorize, cause)
}

// oauthCode returns s if it looks like an OAuth error code, else "".
func oauthCode(s string) string {
	if s == "" || len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return s
}

// networkCause returns a description of err without its text, and the cause
// that errors.Is may find.
func networkCause(err error) (what string, cause error) {
	for _, known := range []error{context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return "no answer (" + known.Error() + ")", known
		}
	}
	if p, ok := errors.AsType[*hostcall.PanicError](err); ok {
		return "panic in " + p.In, p
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not valid", nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return "no answer (" + op.Op + " failed)", op
	}
	if ue, ok := errors.AsType[*url.Error](err); ok && ue.Timeout() {
		return "no answer (timeout)", context.DeadlineExceeded
	}
	return "no usable answer", nil
}
