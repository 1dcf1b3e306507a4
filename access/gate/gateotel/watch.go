package gateotel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// watchWithin limits how long one collection of the metrics waits for the storage.
const watchWithin = 2 * time.Second

// Watch exports the gauges of a site until the registration is unregistered. Each
// collection reads the storage, for 2 seconds at most; what could not be read is
// omitted. status is the Status of a saltolocks.Site, for the age of the consent; nil
// for none.
func (t *Telemetry) Watch(
	g *gate.Gate, status func(context.Context) (saltoauth.ConnectionStatus, error),
) (metric.Registration, error) {
	return t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) (err error) {
		defer func() {
			if v := recover(); v != nil { // in the host's status
				err = fmt.Errorf("gateotel: panic (%T) in a callback of Watch", v)
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, watchWithin)
		defer cancel()
		stats, err := t.observeStats(ctx, g, o)
		if status == nil {
			return err
		}
		return errors.Join(err, t.observeConsent(ctx, g, stats.Site, status, o))
	}, t.problems, t.holds, t.unconfirmed, t.entries, t.consent)
}

func (t *Telemetry) observeStats(ctx context.Context, g *gate.Gate, o metric.Observer) (gate.Stats, error) {
	stats, err := g.Stats(ctx)
	site := attribute.String("doorkit.site", stats.Site)
	for _, c := range stats.Problems {
		o.ObserveInt64(t.problems, 1, withAttributes(site, cause(c)))
	}
	if at := stats.EntriesReadAt; !at.IsZero() {
		o.ObserveFloat64(t.entries, age(g, at), withAttributes(site))
	}
	if err != nil {
		return stats, err
	}
	o.ObserveInt64(t.holds, int64(stats.Holds), withAttributes(site))
	o.ObserveFloat64(t.unconfirmed, age(g, stats.OldestUnconfirmed), withAttributes(site))
	return stats, nil
}

func (t *Telemetry) observeConsent(
	ctx context.Context, g *gate.Gate, site string, status func(context.Context) (saltoauth.ConnectionStatus, error), o metric.Observer,
) error {
	s, err := status(ctx)
	switch {
	case errors.Is(err, saltoauth.ErrNotConnected), err == nil && s.ConsentedAt.IsZero():
		return nil
	case err != nil:
		return err
	}
	o.ObserveFloat64(t.consent, age(g, s.ConsentedAt), withAttributes(
		attribute.String("doorkit.site", site), attribute.String("doorkit.connection.state", string(s.State)),
	))
	return nil
}

// age returns how long ago an instant was, in seconds; 0 for the zero instant.
func age(g *gate.Gate, at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(g.Now().Sub(at), 0).Seconds()
}
