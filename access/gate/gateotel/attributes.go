package gateotel

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// requestAttributes returns the attributes of every span and metric of a request. An
// append copies the slice.
func requestAttributes(site string, action access.Action) []attribute.KeyValue {
	return slices.Clip([]attribute.KeyValue{attribute.String("doorkit.site", site), attribute.String("doorkit.action", string(action))})
}

func outcome(o gate.Outcome) attribute.KeyValue {
	return attribute.String("doorkit.outcome", string(o))
}

func cause(c gate.Cause) attribute.KeyValue { return attribute.String("doorkit.cause", string(c)) }

// reason is why the rules or a condition of the host denied the request.
func reason(r *gate.Receipt) attribute.KeyValue {
	why := ""
	switch {
	case r.Condition != nil:
		why = r.Condition.Code
	case r.Outcome == gate.Denied:
		why = string(r.Decision.Reason)
	}
	return attribute.String("doorkit.reason", why)
}

func (t *Telemetry) door(id string, known bool) attribute.KeyValue {
	if !t.doors || !known {
		id = ""
	}
	return attribute.String("doorkit.door", id)
}

func errorType(name string) attribute.KeyValue { return attribute.String("error.type", name) }

// errorName is the error.type of an error. It is one of a few names, never the text.
func errorName(err error) string {
	identity, _ := errors.AsType[*saltoauth.IdentityError](err)
	call, _ := errors.AsType[*saltoks.APIError](err)
	_, panicked := errors.AsType[*gate.PanicError](err)
	switch {
	case err == nil:
		return ""
	case panicked:
		return "panic"
	case errors.Is(err, saltoks.ErrReauthorize):
		return string(gate.CauseReauthorize)
	case errors.Is(err, saltoauth.ErrInvalidClient):
		return string(gate.CauseClientRefused)
	case errors.Is(err, gate.ErrCloudUnavailable):
		return string(gate.CauseCloudUnavailable)
	case errors.Is(err, gate.ErrUnavailable):
		return string(gate.CauseStoreUnavailable)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case identity != nil && identity.Status != 0:
		return strconv.Itoa(identity.Status)
	case call != nil && call.Status != 0:
		return strconv.Itoa(call.Status)
	case identity != nil, call != nil:
		return string(gate.CauseCloudUnavailable)
	}
	return "_OTHER" // as the semantic conventions name it
}

// present omits attributes without a value.
func present(list []attribute.KeyValue) []attribute.KeyValue {
	return slices.DeleteFunc(list, func(a attribute.KeyValue) bool { return a.Value.Type() == attribute.STRING && a.Value.AsString() == "" })
}

func withAttributes(list ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(present(list)...)
}

// end ends a span, with an error if failure is its error.type.
func end(span trace.Span, failure string) {
	if failure != "" {
		span.SetStatus(codes.Error, failure)
		span.SetAttributes(errorType(failure))
	}
	span.End()
}
