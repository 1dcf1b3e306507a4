package saltoks

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// Causes. errors.Is finds them in what any call returns.
var (
	// ErrNotFound: no such thing, or the wrong one of a member's two ids.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: this user may not do this on this site.
	ErrForbidden = errors.New("forbidden: this SALTO user lacks the right: give the user a role on the site that has it")
	// ErrUnauthorized: SALTO did not accept the access token.
	ErrUnauthorized = errors.New("unauthorized: SALTO did not accept the access token")
	// ErrReauthorize: no token can be had any more; a person has to consent again.
	ErrReauthorize = errors.New("authorization has ended: reconnect with the same SALTO user")
	// ErrRateLimited: SALTO answered 429, or the limiter knows that the call
	// cannot start before its deadline.
	ErrRateLimited = errors.New("rate limited: try again later")
	// ErrInvalidRequest: SALTO did not understand the request (codes 1100 to 1102).
	ErrInvalidRequest = errors.New("invalid request")
	// ErrOTPInvalid: the one-time code is wrong, missing, or more than three
	// minutes off.
	ErrOTPInvalid = errors.New("one-time code invalid: check the clock, then the IQ's secret and PIN")
	// ErrOTPBlocked: too many wrong codes; clears by itself after 20 minutes.
	ErrOTPBlocked = errors.New("one-time codes blocked: wait 20 minutes")
	// ErrIQPINNotChanged: the activation of this user at this IQ was not finished.
	ErrIQPINNotChanged = errors.New("IQ PIN not changed: finish the activation of the IQ")
	// ErrIQNotActivated: this user was never activated at the lock's IQ. It is
	// found before a call is made.
	ErrIQNotActivated = errors.New("IQ not activated for this SALTO user: activate it first (Remote.Activation)")
	// ErrIQAlreadyActivated: the first secret and the IQ PIN are only given out
	// before the activation.
	ErrIQAlreadyActivated = errors.New("IQ already activated for this SALTO user")
	// ErrIQOffline: the IQ does not answer.
	ErrIQOffline = errors.New("IQ offline: look at its power and network")
	// ErrLockOffline: the lock does not answer its IQ.
	ErrLockOffline = errors.New("lock offline: look at its battery and at its IQ")
	// ErrRestoreRequired: the IQ was reset; restore it, then activate it anew.
	ErrRestoreRequired = errors.New("IQ was reset: restore and activate it anew")
	// ErrNoSubscription: the site's subscription lacks the feature.
	ErrNoSubscription = errors.New("no valid subscription for this feature: the site's owner has to extend it")
	// ErrSiteNotReleased: the installer has not released the site yet.
	ErrSiteNotReleased = errors.New("site not released yet: its installer has to release it")
)

// Faults of the caller or of what lies between; nothing was sent.
var (
	// ErrClientClosed: the client was closed.
	ErrClientClosed = errors.New("client closed: make a new one")
	// ErrUnverified: a call nobody has measured; see UnverifiedEndpoints.
	ErrUnverified = errors.New("this call was never measured against SALTO: enable it with UnverifiedEndpoints")
	// ErrCursor: a list's cursor did not move or left our host.
	ErrCursor = errors.New("list cannot go on")
)

// PanicError is a panic in code that the host supplied: a TokenSource, a
// transport, a middleware, a store. It is contained, so that it fails one call:
// nothing stays locked, and nothing was sent unless an *APIError around it is
// Unconfirmed.
type PanicError = hostcall.PanicError

// APIError is what every call of the client returns when it fails: answers of
// SALTO and everything that kept an answer from coming. It holds no secret and
// no URL query. errors.Is finds the cause and, below it, context.Canceled and
// the like. A literal APIError classifies by its exported fields; without a
// status it counts as unconfirmed.
type APIError struct {
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Code is SALTO's ErrorCode ("2202"), InnerCode what a code 3102 names
	// ("otp_invalid"); both may be empty. WIRE.md 4.1 and 4.2.
	Code, InnerCode string
	// Message is SALTO's text, shortened, without secrets.
	Message string
	// Method and Route are the request's method and path template.
	Method, Route string
	// RequestID is what SALTO called the request, if it did.
	RequestID string
	// RetryAfter is how long SALTO asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Attempts counts the requests made; at most 1 for a class Never call.
	Attempts int

	outcome outcome
	cause   error
}

// NewNotSentError returns an error for a call that was never made: NotSent
// reports true for it and Unwrap returns cause. A host's own implementation of
// what a client does uses it, as saltoremote does.
func NewNotSentError(cause error) *APIError { return &APIError{outcome: notSent, cause: cause} }

// NewUnconfirmedError returns an error for a call that may have been carried
// out: Unconfirmed reports true for it and Unwrap returns cause.
func NewUnconfirmedError(cause error) *APIError { return &APIError{outcome: unconfirmed, cause: cause} }

// Error says what happened and what to do, in one line.
func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString("saltoks: ")
	if e.Method != "" || e.Route != "" {
		b.WriteString(e.Method + " " + e.Route + ": ")
	}
	said := false
	if k := e.kind(); k != nil {
		b.WriteString(k.Error())
		said = true
	}
	if e.cause != nil {
		if said {
			b.WriteString(": ")
		}
		b.WriteString(strings.TrimPrefix(e.cause.Error(), "saltoks: "))
		said = true
	}
	if e.Message != "" {
		if said {
			b.WriteString(": ")
		}
		b.WriteString(strconv.Quote(e.Message))
		said = true
	}
	if !said && e.Status != 0 {
		b.WriteString("unexpected answer")
	} else if !said {
		b.WriteString("no answer")
	}
	var details []string
	if e.Status != 0 {
		details = append(details, "status "+strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		details = append(details, strings.TrimSpace("code "+e.Code+" "+e.InnerCode))
	}
	if e.RetryAfter > 0 {
		details = append(details, "retry after "+e.RetryAfter.String())
	}
	if e.RequestID != "" {
		details = append(details, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		details = append(details, strconv.Itoa(e.Attempts)+" attempts")
	}
	if e.Unconfirmed() {
		details = append(details, "outcome unknown: it may have happened")
	}
	if len(details) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(details, ", "))
	}
	return b.String()
}

// Unwrap returns what lies below: a context's error, the network's, a token
// source's.
func (e *APIError) Unwrap() error { return e.cause }

// Is reports whether target is the cause that SALTO's answer names.
func (e *APIError) Is(target error) bool {
	k := e.kind()
	if k == ErrIQAlreadyActivated && target == ErrForbidden {
		return true
	}
	return k != nil && k == target
}

// NotSent reports that nothing that could change anything left this machine:
// proven, not assumed. It is true for every failed read.
func (e *APIError) NotSent() bool { return e.result() == notSent }

// Refused reports that SALTO answered and nothing was done.
func (e *APIError) Refused() bool { return e.result() == refused }

// Unconfirmed reports that the request may have been carried out although the
// answer did not say so. Never send such a request again by yourself.
func (e *APIError) Unconfirmed() bool { return e.result() == unconfirmed }

func (e *APIError) result() outcome {
	if e.outcome != undecided {
		return e.outcome
	}
	o := answered(e.Status, answerBody{code: e.Code, inner: e.InnerCode}, expectation{class: Never})
	if o == accepted { // an error all the same
		return unconfirmed
	}
	return o
}

// kind is the one cause that SALTO's answer names, nil when it names none.
func (e *APIError) kind() error {
	switch e.InnerCode {
	case innerOTPInvalid:
		return ErrOTPInvalid
	case innerOTPBlocked:
		return ErrOTPBlocked
	case innerPINNotChanged:
		return ErrIQPINNotChanged
	case innerIQOffline, innerIQNotResponding:
		return ErrIQOffline
	case innerLockOffline:
		return ErrLockOffline
	case innerRestoreRequired:
		return ErrRestoreRequired
	case innerCommandForbidden:
		if e.Route == routeIQPIN && e.Method == http.MethodGet {
			return ErrIQAlreadyActivated
		}
		return ErrForbidden
	}
	message := strings.ToLower(e.Message)
	switch {
	case e.Code == codeCommandFailed:
		return nil // whatever the status: the IQ did not say what it was
	case e.Code == "2202" && namesOTP(message):
		return ErrOTPInvalid // a missing code, or a user who was never activated
	case e.Code == "2202":
		return ErrNotFound
	case e.Code == "2212":
		return ErrNoSubscription
	case e.Code == "2210":
		return ErrSiteNotReleased
	case e.Code == "2203" && strings.Contains(message, "already activated"):
		return ErrIQAlreadyActivated
	case e.Status == http.StatusForbidden && strings.Contains(message, "restore"):
		return ErrRestoreRequired
	case e.Code == "2203":
		return ErrForbidden
	case e.Code == "1500":
		return ErrUnauthorized
	case e.Code == "1100", e.Code == "1101", e.Code == "1102":
		return ErrInvalidRequest
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusTooManyRequests:
		return ErrRateLimited
	}
	return nil
}

// namesOTP reports whether a message in lower case is about the one-time code.
func namesOTP(message string) bool {
	return slices.Contains(strings.FieldsFunc(message, func(r rune) bool { return !unicode.IsLetter(r) }), "otp")
}
