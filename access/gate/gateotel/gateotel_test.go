package gateotel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gateotel"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func (f *fixture) wantSpans(what string, want ...string) {
	f.Helper()
	if diff := cmp.Diff(want, f.tree()); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSpans(t *testing.T) {
	inBubble(t, gateotel.Config{}, func(f *fixture) {
		g := f.site.Gate
		f.tap(g.Unlock, member, gate.NotSent)
		const notConnected = "Error:not_connected [action=unlock cause=not_connected error.type=not_connected outcome=not_sent"
		f.wantSpans("not connected",
			"host internal []",
			"  doorkit.unlock internal "+notConnected+" recorded=true repeated=false shared=false]",
			"    doorkit.facts internal [action=unlock]",
			"    doorkit.claim internal [action=unlock]",
			"    doorkit.send client "+notConnected+"]",
			"    doorkit.settle internal [action=unlock cause=not_connected outcome=not_sent]",
		)
		f.connect()
		accepted := func(action string, refreshes ...string) []string {
			return slices.Concat([]string{
				"host internal []",
				"  doorkit." + action + " internal [action=" + action + " outcome=accepted recorded=true repeated=false shared=false]",
				"    doorkit.facts internal [action=" + action + "]",
				"    doorkit.claim internal [action=" + action + "]",
				"    doorkit.send client [action=" + action + " outcome=accepted]",
			}, refreshes, []string{
				"    doorkit.settle internal [action=" + action + " outcome=accepted]",
			})
		}
		f.tap(g.Unlock, member, gate.Accepted)
		f.wantSpans("unlock", accepted("unlock")...)
		f.tap(g.StartOfficeMode, member, gate.Accepted)
		f.wantSpans("office mode", accepted("office_mode")...)
		_, err := g.StartOfficeMode(f.Context(), f.taps[len(f.taps)-1])
		f.ok(err)
		f.wantSpans("the same request again",
			"doorkit.office_mode internal [action=office_mode outcome=accepted recorded=true repeated=true shared=false]",
			"  doorkit.facts internal [action=office_mode outcome=accepted]",
		)
		f.tap(g.Lock, member, gate.Accepted)
		f.wantSpans("lock", accepted("lock")...)
		f.tap(g.Unlock, "a stranger", gate.Denied)
		f.wantSpans("denied",
			"host internal []",
			"  doorkit.unlock internal [action=unlock outcome=denied reason=unknown_member recorded=true repeated=false shared=false]",
			"    doorkit.facts internal [action=unlock outcome=denied]",
		)

		f.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/locking"))
		f.tap(g.Unlock, member, gate.Unconfirmed)
		const noAnswer = "Error:no_answer [action=unlock cause=no_answer error.type=no_answer outcome=unconfirmed"
		f.wantSpans("unconfirmed",
			"host internal []",
			"  doorkit.unlock internal "+noAnswer+" recorded=true repeated=false shared=false]",
			"    doorkit.facts internal [action=unlock]",
			"    doorkit.claim internal [action=unlock]",
			"    doorkit.send client "+noAnswer+"]",
			"    doorkit.settle internal [action=unlock cause=no_answer outcome=unconfirmed]",
		)

		f.sleep(2 * time.Hour)
		f.tap(g.Unlock, member, gate.Accepted)
		f.wantSpans("with a token refresh", accepted("unlock", "      doorkit.token_refresh client []")...)
		f.sim.Fault(saltokstest.ClientSecretChanged)
		f.sleep(2 * time.Hour)
		f.tap(g.Unlock, member, gate.NotSent)
		const refused = "Error:client_refused [action=unlock cause=client_refused error.type=client_refused outcome=not_sent"
		f.wantSpans("a refresh that fails",
			"host internal []",
			"  doorkit.unlock internal "+refused+" recorded=true repeated=false shared=false]",
			"    doorkit.facts internal [action=unlock]",
			"    doorkit.claim internal [action=unlock]",
			"    doorkit.send client "+refused+"]",
			"      doorkit.token_refresh client Error:client_refused [error.type=client_refused]",
			"    doorkit.settle internal [action=unlock cause=client_refused outcome=not_sent]",
		)
	})
}

// TestSettlementNotWritten: the door opened and the storage failed.
func TestSettlementNotWritten(t *testing.T) {
	inBubble(t, gateotel.Config{}, func(f *fixture) {
		f.connect()
		config := f.config.Gate
		config.Site, config.Facts, config.Records, config.Locks, config.Now = "loft", f.store, unsettling{f.store}, f.site.Locks, f.sim.Now
		g, err := gate.New(config)
		f.ok(err)
		f.tap(g.Unlock, member, gate.Accepted)
		f.wantSpans("not written",
			"host internal []",
			"  doorkit.unlock internal [action=unlock outcome=accepted recorded=false repeated=false shared=false]",
			"    doorkit.facts internal [action=unlock]",
			"    doorkit.claim internal [action=unlock]",
			"    doorkit.send client [action=unlock outcome=accepted]",
			"    doorkit.settle internal Error:store_unavailable [action=unlock error.type=store_unavailable outcome=accepted]",
		)
	})
}

// unsettling is a storage that fails once the command was sent.
type unsettling struct{ *memstore.Store }

func (unsettling) Settle(context.Context, storage.Settlement) (*storage.CheckIn, error) {
	return nil, storage.ErrUnavailable
}

func (f *fixture) wantMetrics(what string, want ...string) {
	f.Helper()
	if diff := cmp.Diff(want, f.metrics()); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestMetrics(t *testing.T) {
	inBubble(t, gateotel.Config{}, func(f *fixture) {
		f.connect()
		g := f.site.Gate
		f.sim.Fault(saltokstest.Slow, saltokstest.On("/locking"), saltokstest.Delay(3*time.Second))
		f.tap(g.Unlock, member, gate.Accepted)
		f.tap(g.Unlock, member, gate.Accepted)
		f.tap(g.Unlock, "a stranger", gate.Denied)
		f.tap(g.StartOfficeMode, member, gate.Accepted)
		_, err := g.StartOfficeMode(f.Context(), f.taps[len(f.taps)-1]) // not counted again
		f.ok(err)
		f.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/locking"))
		f.tap(g.Unlock, member, gate.Unconfirmed)
		f.sleep(time.Minute)
		f.wantMetrics("before the jobs",
			"doorkit.command.duration s [action=office_mode outcome=accepted] 1 in 0s",
			"doorkit.command.duration s [action=unlock outcome=accepted] 2 in 3s",
			"doorkit.command.duration s [action=unlock outcome=unconfirmed] 1 in 0s",
			"doorkit.consent.age s [connection.state=connected] 1m53s",
			"doorkit.holds {hold} [] 1",
			"doorkit.request.duration s [action=office_mode outcome=accepted] 1 in 0s",
			"doorkit.request.duration s [action=unlock outcome=accepted] 2 in 3s",
			"doorkit.request.duration s [action=unlock outcome=denied] 1 in 0s",
			"doorkit.request.duration s [action=unlock outcome=unconfirmed] 1 in 0s",
			"doorkit.requests {request} [action=office_mode outcome=accepted] 1",
			"doorkit.requests {request} [action=unlock cause=no_answer outcome=unconfirmed] 1",
			"doorkit.requests {request} [action=unlock outcome=accepted] 2",
			"doorkit.requests {request} [action=unlock outcome=denied reason=unknown_member] 1",
			"doorkit.unconfirmed.age s [] 1m0s",
		)
		f.ok(f.site.RunOnce(f.Context())) // settles the Unconfirmed one
		f.sim.Fault(saltokstest.ClientSecretChanged)
		f.sleep(2 * time.Hour)
		f.tap(g.Unlock, member, gate.NotSent)
		f.wantMetrics("after them",
			"doorkit.command.duration s [action=office_mode outcome=accepted] 1 in 0s",
			"doorkit.command.duration s [action=unlock outcome=accepted] 2 in 3s",
			"doorkit.command.duration s [action=unlock outcome=not_sent] 1 in 0s",
			"doorkit.command.duration s [action=unlock outcome=unconfirmed] 1 in 0s",
			"doorkit.consent.age s [connection.state=connected] 2h2m3s",
			"doorkit.entries.age s [] 2h0m10s",
			"doorkit.holds {hold} [] 1",
			"doorkit.job.duration s [job=close_office_mode] 1 in 0s",
			"doorkit.job.duration s [job=ingest] 1 in 0s",
			"doorkit.job.duration s [job=links] 1 in 0s",
			"doorkit.job.duration s [job=lock_states] 1 in 0s",
			"doorkit.job.duration s [job=problems] 1 in 0s",
			"doorkit.job.duration s [job=prune] 1 in 0s",
			"doorkit.job.duration s [job=recover] 1 in 0s",
			"doorkit.job.duration s [job=verify] 1 in 0s",
			"doorkit.problems {problem} [cause=client_refused] 1",
			"doorkit.request.duration s [action=office_mode outcome=accepted] 1 in 0s",
			"doorkit.request.duration s [action=unlock outcome=accepted] 2 in 3s",
			"doorkit.request.duration s [action=unlock outcome=denied] 1 in 0s",
			"doorkit.request.duration s [action=unlock outcome=not_sent] 1 in 0s",
			"doorkit.request.duration s [action=unlock outcome=unconfirmed] 1 in 0s",
			"doorkit.request.settlements {request} [action=unlock] 1",
			"doorkit.requests {request} [action=office_mode outcome=accepted] 1",
			"doorkit.requests {request} [action=unlock cause=client_refused outcome=not_sent] 1",
			"doorkit.requests {request} [action=unlock cause=no_answer outcome=unconfirmed] 1",
			"doorkit.requests {request} [action=unlock outcome=accepted] 2",
			"doorkit.requests {request} [action=unlock outcome=denied reason=unknown_member] 1",
			"doorkit.token.refreshes {refresh} [error.type=client_refused] 1",
			"doorkit.unconfirmed.age s [] 0s",
		)
	})
}

// TestNothingPersonal: no span and no series contains a secret or the id of a person, a
// request, a door or anything of SALTO.
func TestNothingPersonal(t *testing.T) {
	inBubble(t, gateotel.Config{}, func(f *fixture) {
		var text strings.Builder
		dump := func() {
			for _, s := range f.spans.GetSpans() {
				fmt.Fprintln(&text, s.Name, s.Status, s.Attributes, s.Events, s.Links, s.Resource)
			}
			fmt.Fprintln(&text, f.metrics())
		}
		g := f.site.Gate
		f.tap(g.Unlock, member, gate.NotSent)
		dump()
		f.connect()
		f.tap(g.Unlock, member, gate.Accepted)
		f.tap(g.Unlock, "another-member-18", gate.Denied)
		f.tap(g.StartOfficeMode, member, gate.Accepted)
		f.sim.Fault(saltokstest.HTTP500, saltokstest.On("/locking"), saltokstest.Body("about "+member+" at "+door))
		f.tap(g.Lock, member, gate.Unconfirmed)
		f.sim.Fault(saltokstest.LockOffline)
		f.tap(g.Unlock, member, gate.Unconfirmed)
		_, _ = g.Unlock(f.Context(), gate.Tap{RequestID: "short", Member: member, Door: door})
		_ = f.site.RunOnce(f.Context())
		f.sleep(2 * time.Hour)
		f.tap(g.Unlock, member, gate.Accepted)
		f.sim.Fault(saltokstest.ClientSecretChanged)
		f.sleep(2 * time.Hour)
		f.tap(g.Unlock, member, gate.NotSent)
		dump()

		planted := []string{member, "another-member-18", door, "Vault", f.config.Credentials.ClientID, "@", "://"}
		for _, tap := range f.taps {
			planted = append(planted, tap.RequestID)
		}
		world := f.sim.World()
		for _, u := range world.Users {
			planted = append(planted, u.Email, u.Subject, u.ID)
		}
		for _, l := range world.Sites[0].Locks {
			planted = append(planted, l.ID, l.Name)
		}
		for _, iq := range world.Sites[0].IQs {
			planted = append(planted, iq.ID, iq.Name)
		}
		entries := f.sim.Entries(world.Sites[0].ID)
		for _, e := range entries {
			planted = append(planted, e.ID)
		}
		if kinds := f.wire.Kinds(); len(entries) == 0 || !kinds["otp"] || !kinds["refresh_token"] || !kinds["authorization"] {
			f.Fatalf("the scenario made %d entries and these secrets: %v", len(entries), kinds)
		}
		for _, found := range f.wire.Found(text.String(), planted...) {
			f.Error(found)
		}
	})
}

// TestDoors: Config.Doors exports the id of the door, in a metric only if there is such
// a door.
func TestDoors(t *testing.T) {
	inBubble(t, gateotel.Config{Doors: true}, func(f *fixture) {
		f.tap(f.site.Gate.Unlock, member, gate.NotSent)
		_, err := f.site.Gate.Unlock(f.Context(), gate.Tap{
			RequestID: "request-of-no-door", Member: member, Door: "made up", TappedAt: f.sim.Now(),
		})
		f.ok(err)
		spans, metrics := strings.Join(f.tree(), "\n"), strings.Join(f.metrics(), "\n")
		if strings.Count(spans, "door="+door) != 5 || strings.Count(spans, "door=made up") != 2 {
			f.Errorf("spans:\n%s", spans)
		}
		if strings.Count(metrics, "door="+door) != 1 || strings.Contains(metrics, "made up") {
			f.Errorf("metrics:\n%s", metrics)
		}
	})
}

// TestWatchIsBounded: a collection waits 2 seconds for a source that does not answer,
// and a source that panics does not stop the collection.
func TestWatchIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		status func(context.Context) (saltoauth.ConnectionStatus, error)
		takes  time.Duration
	}{
		"hangs": {func(ctx context.Context) (saltoauth.ConnectionStatus, error) {
			<-ctx.Done()
			return saltoauth.ConnectionStatus{}, ctx.Err()
		}, 2 * time.Second},
		"panics": {func(context.Context) (saltoauth.ConnectionStatus, error) { panic("planted") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, gateotel.Config{}, func(f *fixture) {
				registration, err := f.telemetry.Watch(f.site.Gate, c.status)
				f.ok(err)
				began := time.Now()
				var all metricdata.ResourceMetrics
				if err := f.reader.Collect(f.Context(), &all); err == nil {
					f.Error("no error")
				}
				if took := time.Since(began); took != c.takes {
					f.Errorf("took %v, want %v", took, c.takes)
				}
				if got := strings.Join(series(f.T, all), "\n"); !strings.Contains(got, "doorkit.holds {hold} [] 0") {
					f.Errorf("what can be read is missing:\n%s", got)
				}
				f.ok(registration.Unregister())
				f.metrics()
			})
		})
	}
}

type observer func(gate.Event)

func (o observer) Observe(_ context.Context, e gate.Event) { o(e) }

// TestErrorTypes: an error is exported as one of a few names, whatever its text is.
func TestErrorTypes(t *testing.T) {
	events := 0
	f := newFixture(t, gateotel.Config{Observer: observer(func(gate.Event) { events++ })})
	cases := []struct {
		err  error
		want string
	}{
		{&gate.PanicError{}, "panic"},
		{fmt.Errorf("of %s: %w", member, saltoks.ErrReauthorize), "reauthorize"},
		{&saltoauth.IdentityError{Code: "invalid_client", Status: 401}, "client_refused"},
		{&saltoauth.IdentityError{Status: 503}, "503"},
		{&saltoauth.IdentityError{}, "cloud_unavailable"},
		{&saltoks.APIError{Status: 404}, "404"},
		{gate.ErrUnavailable, "store_unavailable"},
		{gate.ErrCloudUnavailable, "cloud_unavailable"},
		{context.DeadlineExceeded, "timeout"},
		{errors.New(member), "_OTHER"},
		{nil, ""},
	}
	for i, c := range cases {
		f.telemetry.Observe(f.Context(), gate.Event{Kind: gate.JobCompleted, Site: "loft", Job: fmt.Sprint(i), Took: time.Second, Err: c.err})
		want := fmt.Sprintf("doorkit.job.duration s [error.type=%s job=%d] 1 in 1s", c.want, i)
		if c.err == nil {
			want = fmt.Sprintf("doorkit.job.duration s [job=%d] 1 in 1s", i)
		}
		if got := strings.Join(f.metrics(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%v: want %s in\n%s", c.err, want, got)
		}
	}
	if events != len(cases) {
		t.Errorf("the host's observer received %d events, want %d", events, len(cases))
	}
}
