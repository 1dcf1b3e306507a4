package saltoks

import (
	"net/http"
	"slices"
	"strconv"
)

// outcome is what is known about a call that may change something.
type outcome uint8

const (
	undecided outcome = iota
	accepted
	notSent
	refused
	unconfirmed
)

// expectation is what a call's answer must fulfill to be a success.
type expectation struct {
	class  ReplayClass
	method string
	// command: a 2xx other than 200, 201 and 204 is not a success.
	command bool
	// state is the lock state that was commanded, or empty.
	state LockState
}

// outcomeOf returns the outcome of a call from its attempts. The last attempt
// decides. But if an earlier one is unconfirmed, so is the call, unless the
// last one succeeded.
func outcomeOf(want expectation, attempts []*attempt) outcome {
	if len(attempts) == 0 {
		return notSent
	}
	last := len(attempts) - 1
	doubt := slices.ContainsFunc(attempts[:last], func(a *attempt) bool { return a.outcome(want) == unconfirmed })
	switch o := attempts[last].outcome(want); {
	case want.class == Safe && o == unconfirmed:
		return notSent // a read changes nothing
	case want.class == Safe || o == accepted:
		return o
	case doubt && want.method == http.MethodDelete && attempts[last].status == http.StatusNotFound:
		return accepted // an earlier attempt deleted it
	case doubt:
		return unconfirmed
	default:
		return o
	}
}

// outcome returns the outcome of one attempt alone.
func (a *attempt) outcome(want expectation) outcome {
	switch {
	case a.status == 0 && !a.maybeSent:
		return notSent
	case a.status == 0, a.unread != nil:
		return unconfirmed
	}
	return answered(a.status, a.parsed, want)
}

// answered returns the outcome of one answer from SALTO. The first case that
// matches decides. The outcome is refused only if the answer reports that
// nothing was done.
func answered(status int, b answerBody, want expectation) outcome {
	switch {
	case success(status) && b.code != "" && want.state != "" && b.state == want.state:
		return unconfirmed // the answer contradicts itself
	case b.code == codeCommandFailed && !slices.Contains(refusingInnerCodes, b.inner):
		return unconfirmed // the IQ did not report what happened
	case b.code == codeCommandFailed:
		return refused
	case slices.Contains(refusingStatuses, status):
		return refused
	case (status == http.StatusBadRequest || success(status)) && refusingCode(b.code):
		return refused
	case success(status) && fulfills(status, b, want):
		return accepted
	}
	return unconfirmed
}

// fulfills reports whether a 2xx confirms that the call was carried out.
func fulfills(status int, b answerBody, want expectation) bool {
	switch {
	case status == http.StatusMultiStatus, want.command && !slices.Contains(commandStatuses, status):
		return false
	case b.code != "" || b.failed:
		return false
	case b.kind == bodyNotJSON && want.class != Safe:
		return false
	case want.state == "":
		return true
	case want.state == Locked:
		return b.state != Uncertain && b.state != Unlocked && b.state != OfficeMode
	}
	return b.state != Uncertain
}

func success(status int) bool { return status >= 200 && status < 300 }

// codeCommandFailed is SALTO's code for a command that the IQ did not carry out,
// or not in time. It comes with several statuses.
const codeCommandFailed = "3102"

var (
	commandStatuses = []int{http.StatusOK, http.StatusCreated, http.StatusNoContent}

	refusingStatuses = []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusUnsupportedMediaType, http.StatusTooManyRequests,
		http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	}

	refusingInnerCodes = []string{innerOTPInvalid, innerOTPBlocked, innerPINNotChanged, innerCommandForbidden}
)

// refusingCode reports whether SALTO returns a code before it sends anything to
// the hardware.
func refusingCode(code string) bool {
	n, err := strconv.Atoi(code)
	if err != nil {
		return false
	}
	return n >= 1100 && n <= 1102 || n == 1501 || n >= 2202 && n <= 2222 && n != 2211
}
