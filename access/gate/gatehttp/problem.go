package gatehttp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// problem is the body of an error, as RFC 9457 defines it, with a stable code and a
// sentence for the member.
type problem struct {
	Title   string       `json:"title"`
	Status  int          `json:"status"`
	Code    string       `json:"code"`
	Detail  string       `json:"detail,omitempty"` // for developers
	Message string       `json:"message"`          // for the member
	Errors  []gate.Fault `json:"errors,omitempty"` // what is wrong with the request

	cause error // for the log
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

func newProblem(status int, code, message, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Code: code, Message: message, Detail: detail}
}

// withCause adds the error for the log.
func (p *problem) withCause(err error) *problem {
	p.cause = err
	return p
}

// causeProblem returns a problem whose code and message are those of a cause.
func causeProblem(status int, c gate.Cause, detail string) *problem {
	return newProblem(status, string(c), c.Message(), detail)
}

func noReceipt() error {
	return newProblem(http.StatusNotFound, "not_found", "We know nothing about this tap. Please tap again.",
		"The caller has sent no request with this id in the last 30 days.")
}

func forbidden(detail string) error {
	return newProblem(http.StatusForbidden, "forbidden", "You may not use this.", detail)
}

func wrongType(detail string) error {
	return newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", gate.CauseBadRequest.Message(), detail)
}

// badRequest names every fault of a request.
func badRequest(faults []gate.Fault) *problem {
	p := causeProblem(http.StatusBadRequest, gate.CauseBadRequest, "Some fields are wrong.")
	p.Errors = faults
	return p
}

// problemOf returns the problem that is reported for an error of the gate or of the
// host.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if bad, ok := errors.AsType[*gate.RequestError](err); ok {
		names := map[string]string{"RequestID": "request_id", "Door": "door", "TappedAt": "tapped_at"}
		p := badRequest(slices.Clone(bad.Faults))
		for i, f := range p.Errors {
			p.Errors[i].Field = cmp.Or(names[f.Field], f.Field)
		}
		return p
	}
	p := causeProblem(http.StatusServiceUnavailable, gate.CauseStoreUnavailable, "Try again in a moment.")
	_, badFacts := errors.AsType[*access.FactsError](err)
	_, panicked := errors.AsType[*gate.PanicError](err)
	switch {
	case errors.Is(err, gate.ErrRequestReused):
		p = causeProblem(http.StatusUnprocessableEntity, gate.CauseRequestReused, "The request id is that of another request: make one per tap.")
	case errors.Is(err, gate.ErrCloudUnavailable):
		p = causeProblem(http.StatusServiceUnavailable, gate.CauseCloudUnavailable, "Try again in a moment.")
	case errors.Is(err, gate.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, gate.ErrNotFound):
		p = causeProblem(http.StatusInternalServerError, gate.CauseUnknownSite, "The storage has no rules of this site.")
	case badFacts:
		p = causeProblem(http.StatusInternalServerError, gate.CauseBadFacts, "The facts of this member are inconsistent.")
	case panicked:
		p = causeProblem(http.StatusInternalServerError, gate.CauseInternal, "The program's log has the cause.")
	}
	return p.withCause(err)
}

// fail answers a request with an error. If the response has begun, it aborts the
// connection, so that a part of a file is not taken for the whole.
func (h *Handler) fail(c *call, err error) {
	p := problemOf(err)
	if ctx := c.r.Context(); p.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		h.config.Logger.ErrorContext(ctx, "gatehttp: a request failed",
			"method", c.r.Method, "route", c.r.Pattern, "code", p.Code, "error", p.cause)
	}
	if c.w.begun {
		panic(http.ErrAbortHandler)
	}
	if err := c.body(p.Status, "application/problem+json", p); err != nil {
		panic(http.ErrAbortHandler) // unreachable: a problem always encodes
	}
}
