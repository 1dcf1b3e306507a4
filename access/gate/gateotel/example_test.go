package gateotel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gateotel"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func Example() {
	ctx := context.Background()
	// In a service these have the exporters of the host, for instance OTLP.
	spans, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	traces, meters := trace.NewTracerProvider(trace.WithSyncer(spans)), metric.NewMeterProvider(metric.WithReader(reader))
	config := saltolocks.Config{
		Site:        "loft",
		Environment: saltoks.Production(),
		Credentials: saltoauth.Credentials{ClientID: "doorkit", RedirectURL: "https://loft.example/salto/callback"},
		Storage:     memstore.New(), State: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer(),
	}

	telemetry, err := gateotel.New(gateotel.Config{TracerProvider: traces, MeterProvider: meters})
	if err != nil {
		log.Fatal(err)
	}
	config.Gate.Observer, config.Gate.Tracer, config.TraceRefresh = telemetry, telemetry, telemetry.TraceRefresh
	site, err := saltolocks.Open(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := telemetry.Watch(site.Gate, site.Status); err != nil {
		log.Fatal(err)
	}

	tap := gate.Tap{RequestID: "3f1c9a52-one-tap", Member: "ada", Door: "front", TappedAt: time.Now()}
	if _, err := site.Gate.Unlock(ctx, tap); err != nil {
		log.Fatal(err)
	}
	for _, s := range spans.GetSpans() {
		fmt.Println("span", s.Name, s.Status.Code, s.Status.Description)
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		log.Fatal(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		fmt.Println("metric", m.Name, m.Unit)
	}
	// Output:
	// span doorkit.facts Error unknown_site
	// span doorkit.unlock Error unknown_site
	// metric doorkit.requests {request}
	// metric doorkit.request.duration s
	// metric doorkit.problems {problem}
	// metric doorkit.holds {hold}
	// metric doorkit.unconfirmed.age s
}
