package saltolocks

import (
	"context"
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// causes maps the errors of the client to the causes of the gate. The first match
// counts.
var causes = []struct {
	err   error
	cause gate.Cause
}{
	{saltoks.ErrSendBy, gate.CauseDeadline},
	{saltoremote.ErrClock, gate.CauseClock},
	{saltoremote.ErrTargetOutdated, gate.CauseLinkOutdated},
	{saltoks.ErrIQNotActivated, gate.CauseIQNotActivated},
	{saltoks.ErrIQPINNotChanged, gate.CausePINNotChanged},
	{saltoks.ErrOTPBlocked, gate.CauseOTPBlocked},
	{saltoks.ErrOTPInvalid, gate.CauseOTPInvalid},
	{saltoauth.ErrInvalidClient, gate.CauseClientRefused},
	{saltoks.ErrReauthorize, gate.CauseReauthorize},
	{saltoauth.ErrNotConnected, gate.CauseNotConnected},
	{ErrNoSite, gate.CauseNotConnected},
	{saltoks.ErrUnauthorized, gate.CauseTokenRefused},
	{saltoks.ErrRestoreRequired, gate.CauseRestoreRequired},
	{saltoks.ErrIQOffline, gate.CauseIQOffline},
	{saltoks.ErrLockOffline, gate.CauseLockOffline},
	{saltoks.ErrNoSubscription, gate.CauseNoSubscription},
	{saltoks.ErrSiteNotReleased, gate.CauseRefused},
	{saltoks.ErrRateLimited, gate.CauseRateLimited},
	{saltoks.ErrNotFound, gate.CauseLockGone},
	{saltoks.ErrForbidden, gate.CauseForbidden},
	{saltoremote.ErrOtherUser, gate.CauseInternal},
	{saltoks.ErrClientClosed, gate.CauseInternal},
	{saltostate.ErrSealed, gate.CauseInternal},
	{saltoremote.ErrOTPFunc, gate.CauseInternal},
	{errZeroValue, gate.CauseInternal},
}

// result converts the error of a command to a gate.Result.
func result(err error) gate.Result {
	if err == nil {
		return gate.Result{Outcome: gate.Accepted}
	}
	r := gate.Result{Outcome: gate.Unconfirmed, Err: err}
	api, known := errors.AsType[*saltoks.APIError](err)
	for _, c := range causes {
		if errors.Is(err, c.err) {
			r.Cause = c.cause
			break
		}
	}
	if _, ok := errors.AsType[*saltoks.PanicError](err); ok && r.Cause == "" {
		r.Cause = gate.CauseInternal
	}
	switch {
	case !known: // not an error of the client: the command may have been sent
	case api.NotSent() && r.Cause == gate.CauseIQNotActivated:
		r.Outcome = gate.Denied
	case api.NotSent():
		r.Outcome = gate.NotSent
		switch {
		case r.Cause != "":
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			r.Cause = gate.CauseDeadline
		case storeFailed(err):
			r.Cause = gate.CauseStoreUnavailable
		default:
			r.Cause = gate.CauseCloudUnavailable
		}
	case api.Refused():
		r.Outcome = gate.Refused
		if r.Cause == "" {
			r.Cause = gate.CauseRefused
		}
	default:
		// The door may still move, so only a cause that explains the missing answer is
		// kept.
		if r.Cause != gate.CauseIQOffline && r.Cause != gate.CauseLockOffline {
			r.Cause = gate.CauseNoAnswer
		}
	}
	if r.Outcome == gate.Unconfirmed && r.Cause == "" {
		r.Cause = gate.CauseNoAnswer
	}
	return r
}

// storeFailed reports whether a store failed, including the network of its database. An
// error of a request to SALTO has a route.
func storeFailed(err error) bool {
	if _, ok := errors.AsType[*saltoauth.IdentityError](err); ok {
		return false
	}
	api, ok := errors.AsType[*saltoks.APIError](err)
	return !ok || api.Route == "" && api.Status == 0
}

// catalogError wraps the error of a read with the gate's sentinel error.
func catalogError(err error) error {
	switch {
	case errors.Is(err, saltoks.ErrNotFound):
		return fmt.Errorf("%w: %w", gate.ErrNotFound, err)
	case unreachable(err):
		return fmt.Errorf("%w: %w", gate.ErrCloudUnavailable, err)
	}
	return fmt.Errorf("%w: %w", gate.ErrUnavailable, err)
}

// unreachable reports whether SALTO's API or identity server did not answer a read, or
// answered with a server error.
func unreachable(err error) bool {
	for _, c := range causes {
		if errors.Is(err, c.err) { // a cause on which a person can act
			return false
		}
	}
	api, ok := errors.AsType[*saltoks.APIError](err)
	return ok && (api.Status >= 500 || api.Status == 0 && !storeFailed(err))
}
