package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// Error is a failed read of the discovery document or of the keys. Nothing in
// it is secret.
type Error struct {
	Op     string // "discovery" or "keys"
	URL    string // the address that was read
	Status int    // 0: no answer
	What   string // one clause
	Cause  error  // a context or network error, never one that quotes a body or a query
}

// Error names what failed.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s at the SALTO identity server failed: %s (%s)", e.Op, e.What, e.URL)
	}
	return fmt.Sprintf("%s at the SALTO identity server failed: %s (%s, status %d)", e.Op, e.What, e.URL, e.Status)
}

// Unwrap returns Cause.
func (e *Error) Unwrap() error { return e.Cause }

// TokenError reports a signed token that is not valid. It never holds the
// token.
type TokenError struct {
	Token string // "ID token" or "access token"
	Claim string // "iss", "aud", "nonce", "exp", "alg", "signature", ...
	What  string
}

// Error names the token, the claim and the fault.
func (e *TokenError) Error() string { return e.Token + ", " + e.Claim + ": " + e.What }

func answerError(op, address string, err error) *Error {
	e := &Error{Op: op, URL: address}
	e.What, e.Cause = NetworkCause(err)
	return e
}

// NetworkCause returns a description of err without its text, and the cause
// that errors.Is may find.
func NetworkCause(err error) (what string, cause error) {
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
