package saltoks

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// Causes of an *APIError, which errors.Is finds.
var (
	// ErrNotFound: the object that the path names does not exist, or the path
	// has the wrong one of a member's two ids.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: this SALTO user lacks the right on this site.
	ErrForbidden = errors.New("forbidden: this SALTO user lacks the right: give the user a role on the site that includes it")
	// ErrUnauthorized: SALTO did not accept the access token.
	ErrUnauthorized = errors.New("unauthorized: SALTO did not accept the access token")
	// ErrReauthorize: no further token can be obtained; a person must consent
	// again.
	ErrReauthorize = errors.New("authorization has ended: reconnect with the same SALTO user")
	// ErrRateLimited: SALTO answered 429, or the limiter cannot start the call
	// before its deadline.
	ErrRateLimited = errors.New("rate limited: try again later")
	// ErrInvalidRequest: SALTO did not understand the request (codes 1100 to 1102).
	ErrInvalidRequest = errors.New("invalid request")
	// ErrOTPInvalid: the one-time code is wrong or missing, or the clock is more
	// than three minutes off.
	ErrOTPInvalid = errors.New("one-time code invalid: check the clock, then the IQ's secret and PIN")
	// ErrOTPBlocked: SALTO counted too many wrong codes. The block ends after 20
	// minutes.
	ErrOTPBlocked = errors.New("one-time codes blocked: wait 20 minutes")
	// ErrIQPINNotChanged: the activation of this user at this IQ is not finished.
	ErrIQPINNotChanged = errors.New("IQ PIN not changed: finish the activation of the IQ")
	// ErrIQNotActivated: this user was never activated at the lock's IQ. It is
	// returned before a call is made.
	ErrIQNotActivated = errors.New("IQ not activated for this SALTO user: activate it first (Remote.Activation)")
	// ErrIQAlreadyActivated: SALTO gives the first secret and the IQ PIN only
	// before the activation.
	ErrIQAlreadyActivated = errors.New("IQ already activated for this SALTO user")
	// ErrIQOffline: the IQ does not answer.
	ErrIQOffline = errors.New("IQ offline: check its power and network")
	// ErrLockOffline: the lock does not answer its IQ.
	ErrLockOffline = errors.New("lock offline: check its battery and its IQ")
	// ErrRestoreRequired: the IQ was reset. Restore it, then activate it again.
	ErrRestoreRequired = errors.New("IQ was reset: restore it and activate it again")
	// ErrNoSubscription: the site's subscription lacks the feature.
	ErrNoSubscription = errors.New("no valid subscription for this feature: the site's owner must extend it")
	// ErrSiteNotReleased: the installer has not released the site yet.
	ErrSiteNotReleased = errors.New("site not released yet: its installer must release it")
)

// Causes that the client finds before it sends the request.
var (
	// ErrClientClosed: the client was closed.
	ErrClientClosed = errors.New("client closed: create a new one")
	// ErrUnverified: the call requires Config.UnverifiedEndpoints.
	ErrUnverified = errors.New("this call is not verified against SALTO: enable it with Config.UnverifiedEndpoints")
	// ErrCursor: a list's cursor does not move or points outside the API.
	ErrCursor = errors.New("list cannot continue")
)

// PanicError reports a panic in code that the host supplied: a TokenSource, a
// transport, a middleware, a store. The panic is recovered and fails one call
// only: no mutex stays locked, and nothing was sent unless the *APIError that
// wraps it is Unconfirmed.
type PanicError = hostcall.PanicError

// APIError is the error of every call of the client: an answer of SALTO that is
// not a success, or the reason why there is no answer. It holds no secret and
// no URL query. errors.Is finds the cause and the errors that it wraps, such as
// context.Canceled. A literal APIError is classified by its exported fields;
// without a status it is unconfirmed.
type APIError struct {
	// Status is the HTTP status; 0 without an answer.
	Status int `json:"status"`
	// Code is SALTO's ErrorCode ("2202"), InnerCode is the inner code of a code
	// 3102 ("otp_invalid"); both may be empty (WIRE.md 4).
	Code      string `json:"code"`
	InnerCode string `json:"inner_code"`
	// Message is SALTO's text, shortened, without secrets.
	Message string `json:"message"`
	// Method and Route are the request's method and path template.
	Method string `json:"method"`
	Route  string `json:"route"`
	// RequestID is SALTO's id of the request; empty if the answer has none.
	RequestID string `json:"request_id"`
	// RetryAfter is the wait that SALTO asked for; 0 if it asked for none. In JSON
	// it is in nanoseconds.
	RetryAfter time.Duration `json:"retry_after"`
	// Attempts counts the requests that were made; at most 1 for class Never.
	Attempts int `json:"attempts"`

	outcome outcome
	cause   error
}

// NewNotSentError returns an error for a call that was never made: NotSent
// reports true and Unwrap returns cause. It is for code between a host and
// the client, such as saltoremote or a host's own LockDriver.
func NewNotSentError(cause error) *APIError { return &APIError{outcome: notSent, cause: cause} }

// NewUnconfirmedError returns an error for a call that may have been carried
// out: Unconfirmed reports true and Unwrap returns cause.
func NewUnconfirmedError(cause error) *APIError { return &APIError{outcome: unconfirmed, cause: cause} }

// Error returns one line with what happened and what to do.
func (e *APIError) Error() string {
	var what []string
	if e.Method != "" || e.Route != "" {
		what = append(what, e.Method+" "+e.Route)
	}
	named := len(what)
	if k := e.kind(); k != nil {
		what = append(what, k.Error())
	}
	if e.cause != nil {
		what = append(what, strings.TrimPrefix(e.cause.Error(), "saltoks: "))
	}
	if e.Message != "" {
		what = append(what, strconv.Quote(e.Message))
	}
	if len(what) == named && e.Status != 0 {
		what = append(what, "unexpected answer")
	} else if len(what) == named {
		what = append(what, "no answer")
	}
	text := "saltoks: " + strings.Join(what, ": ")
	if details := e.details(); len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	return text
}

func (e *APIError) details() (list []string) {
	if e.Status != 0 {
		list = append(list, "status "+strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		list = append(list, strings.TrimSpace("code "+e.Code+" "+e.InnerCode))
	}
	if e.RetryAfter > 0 {
		list = append(list, "retry after "+e.RetryAfter.String())
	}
	if e.RequestID != "" {
		list = append(list, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		list = append(list, strconv.Itoa(e.Attempts)+" attempts")
	}
	if e.Unconfirmed() {
		list = append(list, "outcome unknown: it may have happened")
	}
	return list
}

// Unwrap returns the underlying error, such as one of a context, the network or
// a token source.
func (e *APIError) Unwrap() error { return e.cause }

// Is reports whether target is the cause that SALTO's answer names.
func (e *APIError) Is(target error) bool {
	k := e.kind()
	if k == ErrIQAlreadyActivated && target == ErrForbidden {
		return true
	}
	return k != nil && k == target
}

// NotSent reports that no request that could change anything was sent: this is
// proven, not assumed. It is true for every failed read that SALTO did not
// refuse.
func (e *APIError) NotSent() bool { return e.result() == notSent }

// Refused reports that SALTO answered that nothing was done.
func (e *APIError) Refused() bool { return e.result() == refused }

// Unconfirmed reports that the request may have been carried out. A program
// must not resend such a request automatically.
func (e *APIError) Unconfirmed() bool { return e.result() == unconfirmed }

func (e *APIError) result() outcome {
	if e.outcome != undecided {
		return e.outcome
	}
	o := answered(e.Status, answerBody{code: e.Code, inner: e.InnerCode}, new(Request))
	if o == accepted { // it is an error nevertheless
		return unconfirmed
	}
	return o
}

// kind returns the cause that SALTO's answer names, or nil.
func (e *APIError) kind() error {
	if cause := innerCauses[e.InnerCode]; cause != nil {
		if e.InnerCode == "command_forbidden" && e.Route == routeIQPIN && e.Method == http.MethodGet {
			return ErrIQAlreadyActivated
		}
		return cause
	}
	message := strings.ToLower(e.Message)
	cause := codeCauses[e.Code]
	if cause == nil {
		cause = statusCauses[e.Status]
	}
	switch {
	case e.Code == codeCommandFailed:
		return nil // at any status: the IQ did not report the cause
	case e.Code == "2202" && namesOTP(message):
		return ErrOTPInvalid // a missing code, or a user who was never activated
	case e.Code == "2203" && strings.Contains(message, "already activated"):
		return ErrIQAlreadyActivated
	case errors.Is(cause, ErrForbidden) && e.Status == http.StatusForbidden && strings.Contains(message, "restore"):
		return ErrRestoreRequired
	}
	return cause
}

var (
	// innerCauses are the inner codes of a code 3102 that this package
	// interprets.
	innerCauses = map[string]error{
		"otp_invalid":       ErrOTPInvalid,
		"otp_blocked":       ErrOTPBlocked,
		"pin_not_changed":   ErrIQPINNotChanged,
		"command_forbidden": ErrForbidden,
		"iq_offline":        ErrIQOffline,
		"iq_not_responding": ErrIQOffline,
		"lock_offline":      ErrLockOffline,
		"restore_required":  ErrRestoreRequired,
	}

	codeCauses = map[string]error{
		"1100": ErrInvalidRequest,
		"1101": ErrInvalidRequest,
		"1102": ErrInvalidRequest,
		"1500": ErrUnauthorized,
		"2202": ErrNotFound,
		"2203": ErrForbidden,
		"2210": ErrSiteNotReleased,
		"2212": ErrNoSubscription,
	}

	statusCauses = map[int]error{
		http.StatusUnauthorized:    ErrUnauthorized,
		http.StatusForbidden:       ErrForbidden,
		http.StatusNotFound:        ErrNotFound,
		http.StatusTooManyRequests: ErrRateLimited,
	}
)

// namesOTP reports whether a message in lower case is about the one-time code.
func namesOTP(message string) bool {
	return slices.Contains(strings.FieldsFunc(message, func(r rune) bool { return !unicode.IsLetter(r) }), "otp")
}
