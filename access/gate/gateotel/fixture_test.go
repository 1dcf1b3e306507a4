package gateotel_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gateotel"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/internal/wiretap"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Ids that no attribute may contain.
const (
	member = "member-of-the-club-17"
	door   = "door-to-the-vault-4"
)

// fixture is a site at a simulated SALTO KS, whose spans and metrics stay in memory.
type fixture struct {
	*testing.T
	sim       *saltokstest.Sim
	wire      *wiretap.Tap
	store     *memstore.Store
	spans     *tracetest.InMemoryExporter
	reader    *metric.ManualReader
	traces    *trace.TracerProvider
	telemetry *gateotel.Telemetry
	config    saltolocks.Config
	site      *saltolocks.Site
	taps      []gate.Tap
}

// inBubble runs a test with a fixture in a synctest bubble.
func inBubble(t *testing.T, c gateotel.Config, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newFixture(t, c)) })
}

// newFixture creates a fixture whose site is not connected to SALTO KS.
func newFixture(t *testing.T, c gateotel.Config) *fixture {
	t.Helper()
	f := &fixture{
		T: t, sim: saltokstest.New(t, saltokstest.Config{}), store: memstore.New(),
		spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader(),
	}
	f.traces = trace.NewTracerProvider(trace.WithSyncer(f.spans))
	c.TracerProvider, c.MeterProvider = f.traces, metric.NewMeterProvider(metric.WithReader(f.reader))
	var err error
	f.telemetry, err = gateotel.New(c)
	f.ok(err)
	f.wire = wiretap.New(f.sim.HTTPClient().Transport)
	f.config = saltolocks.Config{
		Site:        "loft",
		Environment: saltoks.Environment{Name: "simulator", Issuer: f.sim.Issuer(), API: f.sim.API(), Events: f.sim.Events()},
		Credentials: saltoauth.Credentials{
			ClientID: f.sim.ClientID(), ClientSecret: saltoks.NewSecret(f.sim.ClientSecret()), RedirectURL: f.sim.RedirectURI(),
		},
		Storage: f.store, State: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer(),
		HTTPClient: &http.Client{Transport: f.wire}, Now: f.sim.Now,
	}
	f.config.Gate.Observer, f.config.Gate.Tracer, f.config.TraceRefresh = f.telemetry, f.telemetry, f.telemetry.TraceRefresh
	f.site, err = saltolocks.Open(t.Context(), f.config)
	f.ok(err)
	_, err = f.telemetry.Watch(f.site.Gate, f.site.Status)
	f.ok(err)

	salto := f.sim.World().Sites[0]
	f.ok(f.store.PutDoor(t.Context(), "loft", gate.Door{
		Door: access.Door{ID: door, Name: "Vault", AccessType: access.AccessAndOfficeMode},
		Link: gate.Link{Site: salto.ID, Lock: salto.Locks[0].ID, Gateway: salto.IQs[0].ID, NeedsCode: true},
	}))
	f.ok(f.store.PutRules(t.Context(), gate.Rules{
		Site: access.Site{ID: "loft", TimeZone: "Europe/Amsterdam"},
		MembershipTypes: []access.MembershipType{
			{ID: "resident", Doors: []access.DoorHours{{Door: door, Hours: access.Always()}}},
		},
	}))
	f.ok(f.store.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{
		ID: member, Memberships: []access.Membership{{ID: "m", Type: "resident"}},
	}}))
	return f
}

func (f *fixture) sleep(d time.Duration) { time.Sleep(d) }

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// connect connects the site and activates its IQ.
func (f *fixture) connect() {
	f.Helper()
	login, err := f.site.Auth.Begin(f.Context())
	f.ok(err)
	callback, err := f.sim.Consent(f.Context(), login.URL(), saltokstest.Allow())
	f.ok(err)
	_, err = f.site.Complete(f.Context(), login, callback.Query())
	f.ok(err)
	salto, user := f.sim.World().Sites[0], f.sim.World().Users[0]
	f.ok(f.site.LinkSite(f.Context(), saltoks.SiteID(salto.ID)))
	s, err := f.site.Session(f.Context())
	f.ok(err)
	a, iq := s.Remote.Activation(), saltoks.IQID(salto.IQs[0].ID)
	_, err = a.Begin(f.Context(), s.Site, iq)
	f.ok(err)
	_, err = a.RequestPIN(f.Context(), s.Site, iq, saltoks.PINByMail)
	f.ok(err)
	pin, err := saltoks.ParseIQPIN(f.sim.IQPIN(user.Email))
	f.ok(err)
	_, err = a.Confirm(f.Context(), s.Site, iq, pin)
	f.ok(err)
	f.spans.Reset()
}

// tap makes one request in a span of the host.
func (f *fixture) tap(do func(context.Context, gate.Tap) (gate.Receipt, error), who string, outcome gate.Outcome) gate.Receipt {
	f.Helper()
	f.sleep(10 * time.Second) // the lock relocks
	tap := gate.Tap{RequestID: fmt.Sprintf("request-%010d", len(f.taps)), Member: who, Door: door, TappedAt: f.sim.Now()}
	f.taps = append(f.taps, tap)
	ctx, span := f.traces.Tracer("host").Start(f.Context(), "host")
	defer span.End()
	r, err := do(ctx, tap)
	f.ok(err)
	if r.Outcome != outcome {
		f.Fatalf("got %s, cause %q (%v); want %s", r.Outcome, r.Cause, r.Err, outcome)
	}
	return r
}

// tree returns the spans since the last call, each as "name kind status [attributes]",
// children indented below their parent.
func (f *fixture) tree() (lines []string) {
	f.Helper()
	list := f.spans.GetSpans()
	f.spans.Reset()
	slices.SortStableFunc(list, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	var below func(parent string, indent string)
	below = func(parent, indent string) {
		for _, s := range list {
			if s.Parent.SpanID().String() != parent {
				continue
			}
			line := indent + s.Name + " " + s.SpanKind.String()
			if s.Status.Code != codes.Unset {
				line += " " + s.Status.Code.String() + ":" + s.Status.Description
			}
			lines = append(lines, line+attributes(s.Attributes))
			below(s.SpanContext.SpanID().String(), indent+"  ")
		}
	}
	below("0000000000000000", "")
	if len(lines) != len(list) {
		f.Errorf("%d of %d spans have a parent that has not ended", len(list)-len(lines), len(list))
	}
	return lines
}

// metrics returns all metrics, each series as "name unit [attributes] value".
func (f *fixture) metrics() (lines []string) {
	f.Helper()
	var all metricdata.ResourceMetrics
	f.ok(f.reader.Collect(f.Context(), &all))
	return series(f.T, all)
}

func series(t *testing.T, all metricdata.ResourceMetrics) (lines []string) {
	t.Helper()
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			add := func(set attribute.Set, value any) {
				lines = append(lines, fmt.Sprint(m.Name, " ", m.Unit, attributes(set.ToSlice()), " ", value))
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, time.Duration(p.Value*float64(time.Second)).Round(time.Second))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, fmt.Sprintf("%d in %gs", p.Count, p.Sum))
				}
			default:
				t.Errorf("%s has data of type %T", m.Name, data)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// attributes omits those that every span or series of a request has.
func attributes(list []attribute.KeyValue) string {
	var text []string
	for _, a := range list {
		name, _ := strings.CutPrefix(string(a.Key), "doorkit.")
		if value := a.Value.String(); name != "site" || value != "loft" {
			text = append(text, name+"="+value)
		}
	}
	slices.Sort(text)
	return fmt.Sprint(" ", text)
}
