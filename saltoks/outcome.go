package saltoks

import (
	"net/http"
	"slices"
	"strconv"
)

// outcome is the result of a call that may change something.
type outcome uint8

const (
	undecided outcome = iota
	accepted
	notSent
	refused
	unconfirmed
)

// outcomeOf returns the outcome of a call from its attempts. The last attempt
// decides. But if an earlier one is unconfirmed, so is the call, unless the
// last one succeeded.
func outcomeOf(r *Request, attempts []*attempt) outcome {
	if len(attempts) == 0 {
		return notSent
	}
	last := len(attempts) - 1
	earlierUnconfirmed := slices.ContainsFunc(attempts[:last], func(a *attempt) bool { return a.outcome(r) == unconfirmed })
	switch o := attempts[last].outcome(r); {
	case r.Class == Safe && o == unconfirmed:
		return notSent // a read changes nothing
	case r.Class == Safe || o == accepted:
		return o
	case earlierUnconfirmed && r.method == http.MethodDelete && attempts[last].status == http.StatusNotFound:
		return accepted // an earlier attempt deleted it
	case earlierUnconfirmed:
		return unconfirmed
	default:
		return o
	}
}

// outcome returns the outcome of one attempt alone.
func (a *attempt) outcome(r *Request) outcome {
	switch {
	case a.status == 0 && !a.maybeSent:
		return notSent
	case a.status == 0, a.unread != nil:
		return unconfirmed
	}
	return answered(a.status, a.parsed, r)
}

// answered returns the outcome of one answer from SALTO. The first case that
// matches decides. The outcome is refused only if the answer reports that
// nothing was done.
func answered(status int, b answerBody, r *Request) outcome {
	switch {
	case success(status) && b.code != "" && r.state != "" && b.state == r.state:
		return unconfirmed // the answer contradicts itself
	case b.code == codeCommandFailed && !slices.Contains(refusingInnerCodes, b.inner):
		return unconfirmed // the IQ did not report what happened
	case b.code == codeCommandFailed:
		return refused
	case slices.Contains(refusingStatuses, status):
		return refused
	case (status == http.StatusBadRequest || success(status)) && refusingCode(b.code):
		return refused
	case success(status) && fulfills(status, b, r):
		return accepted
	}
	return unconfirmed
}

// fulfills reports whether a 2xx confirms that the call was carried out.
func fulfills(status int, b answerBody, r *Request) bool {
	switch {
	case status == http.StatusMultiStatus, r.command && !slices.Contains(commandStatuses, status):
		return false
	case b.code != "" || b.failed:
		return false
	case b.notJSON && r.Class != Safe:
		return false
	case r.state == "":
		return true
	case r.state == Locked:
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

	refusingInnerCodes = []string{"otp_invalid", "otp_blocked", "pin_not_changed", "command_forbidden"}
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
