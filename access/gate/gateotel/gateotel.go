package gateotel

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/doorkit/doorkit/access/gate"
)

// Config configures a Telemetry. The zero Config is valid.
type Config struct {
	// TracerProvider and MeterProvider receive the spans and the metrics. Nil is the
	// global one of package otel.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// Observer receives every event too, for the alerts of the host; nil for none.
	Observer gate.Observer
	// Doors adds doorkit.door, the host's id of the door, to the spans of a request and,
	// for doors that are linked, to doorkit.requests.
	Doors bool
}

// Telemetry is a gate.Observer and a gate.Tracer. Any number of gates may share it; it
// is safe for concurrent use. Make one with New.
type Telemetry struct {
	next   gate.Observer
	doors  bool
	tracer trace.Tracer
	meter  metric.Meter

	requests, settled, refreshes metric.Int64Counter
	request, command, job        metric.Float64Histogram
	problems, holds              metric.Int64ObservableGauge
	unconfirmed, entries         metric.Float64ObservableGauge
	consent                      metric.Float64ObservableGauge
}

var (
	_ gate.Observer = (*Telemetry)(nil)
	_ gate.Tracer   = (*Telemetry)(nil)
)

// New returns a Telemetry, or an error of the MeterProvider.
func New(c Config) (*Telemetry, error) {
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	const scope = "github.com/doorkit/doorkit/access/gate/gateotel"
	m := instruments{Meter: c.MeterProvider.Meter(scope)}
	seconds := []float64{0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30}
	t := &Telemetry{
		next: c.Observer, doors: c.Doors, tracer: c.TracerProvider.Tracer(scope), meter: m.Meter,

		requests:  m.counter("doorkit.requests", "{request}", "Requests, by outcome."),
		settled:   m.counter("doorkit.request.settlements", "{request}", "Unconfirmed requests that were proved to be accepted later."),
		refreshes: m.counter("doorkit.token.refreshes", "{refresh}", "Requests for new tokens of SALTO KS."),

		request: m.histogram("doorkit.request.duration", "Duration of requests.", seconds),
		command: m.histogram("doorkit.command.duration", "Duration of commands to the lock system, until its answer.", seconds),
		job: m.histogram("doorkit.job.duration", "Duration of the runs of jobs.",
			[]float64{0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800}),

		problems:    m.count("doorkit.problems", "{problem}", "Open problems that require a person."),
		holds:       m.count("doorkit.holds", "{hold}", "Members who hold a door open in office mode, per door."),
		unconfirmed: m.age("doorkit.unconfirmed.age", "Age of the oldest command whose outcome is not known."),
		entries:     m.age("doorkit.entries.age", "Time since the log of the lock system was last read to its end."),
		consent:     m.age("doorkit.consent.age", "Age of the consent at SALTO KS."),
	}
	return t, errors.Join(m.failed...)
}

// instruments creates instruments and collects the errors.
type instruments struct {
	metric.Meter
	failed []error
}

func (m *instruments) counter(name, unit, what string) metric.Int64Counter {
	i, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.failed = append(m.failed, err)
	return i
}

func (m *instruments) histogram(name, what string, bounds []float64) metric.Float64Histogram {
	i, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(bounds...))
	m.failed = append(m.failed, err)
	return i
}

func (m *instruments) count(name, unit, what string) metric.Int64ObservableGauge {
	i, err := m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.failed = append(m.failed, err)
	return i
}

func (m *instruments) age(name, what string) metric.Float64ObservableGauge {
	i, err := m.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(what))
	m.failed = append(m.failed, err)
	return i
}

// Observe implements gate.Observer.
func (t *Telemetry) Observe(ctx context.Context, e gate.Event) {
	switch {
	case e.Kind == gate.JobCompleted:
		t.job.Record(ctx, e.Took.Seconds(), withAttributes(
			attribute.String("doorkit.site", e.Site), attribute.String("doorkit.job", e.Job), errorType(errorName(e.Err)),
		))
	case e.Kind != gate.RequestCompleted, e.Receipt.Repeated:
	case e.Late:
		t.settled.Add(ctx, 1, withAttributes(requestAttributes(e.Site, e.Receipt.Action)...))
	default:
		t.requests.Add(ctx, 1, withAttributes(append(
			requestAttributes(e.Site, e.Receipt.Action),
			outcome(e.Receipt.Outcome), cause(e.Receipt.Cause), reason(e.Receipt),
			t.door(e.Door, e.Gateway != ""), // a client may send any id: only those of linked doors are exported
		)...))
	}
	if t.next != nil {
		t.next.Observe(ctx, e)
	}
}

// Start implements gate.Tracer: a phase is a span.
func (t *Telemetry) Start(ctx context.Context, p gate.Phase) (context.Context, func(gate.Receipt)) {
	name, kind := p.Name, trace.SpanKindInternal
	switch p.Name {
	case gate.PhaseRequest:
		name = string(p.Action)
	case gate.PhaseSend:
		kind = trace.SpanKindClient
	}
	common := requestAttributes(p.Site, p.Action)
	began := time.Now()
	ctx, span := t.tracer.Start(ctx, "doorkit."+name, trace.WithSpanKind(kind),
		trace.WithAttributes(present(append(common, t.door(p.Door, true)))...))
	return ctx, func(r gate.Receipt) {
		took := time.Since(began).Seconds()
		attributes := []attribute.KeyValue{outcome(r.Outcome), cause(r.Cause)}
		switch p.Name {
		case gate.PhaseRequest:
			attributes = append(attributes, reason(&r), attribute.Bool("doorkit.recorded", r.Recorded),
				attribute.Bool("doorkit.shared", r.Shared), attribute.Bool("doorkit.repeated", r.Repeated))
			if !r.Repeated {
				t.request.Record(ctx, took, withAttributes(append(common, outcome(r.Outcome))...))
			}
		case gate.PhaseSend:
			t.command.Record(ctx, took, withAttributes(append(common, outcome(r.Outcome))...))
		}
		span.SetAttributes(present(attributes)...)
		end(span, failure(p, r))
	}
}

// failure returns the error.type of a phase, "" if it did not fail.
func failure(p gate.Phase, r gate.Receipt) string {
	switch {
	case p.Name == gate.PhaseSettle && r.Recorded: // the failure of the command is that of PhaseSend
		return ""
	case p.Name == gate.PhaseSettle:
		return string(gate.CauseStoreUnavailable)
	case r.Outcome == gate.NotSent, r.Outcome == gate.Refused, r.Outcome == gate.Unconfirmed:
		return cmp.Or(string(r.Cause), "_OTHER")
	}
	return ""
}

// TraceRefresh measures a token refresh: it is the TraceRefresh of a saltolocks.Config,
// a saltoauth.Config or a saltoauth.PasswordConfig.
func (t *Telemetry) TraceRefresh(ctx context.Context) (context.Context, func(error)) {
	ctx, span := t.tracer.Start(ctx, "doorkit.token_refresh", trace.WithSpanKind(trace.SpanKindClient))
	return ctx, func(err error) {
		name := errorName(err)
		t.refreshes.Add(ctx, 1, withAttributes(errorType(name)))
		end(span, name)
	}
}
