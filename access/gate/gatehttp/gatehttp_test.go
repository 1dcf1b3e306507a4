package gatehttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/internal/gatehttptest"
)

func TestHandler(t *testing.T) { gatehttptest.Run(t, nil) }

func TestConfigFaults(t *testing.T) {
	_, err := gatehttp.New(gatehttp.Config{TapsPerMinute: -1, TapBurst: -1, KeysAhead: -1, Challenge: "Bearer\r\nX: y"})
	faulty, ok := errors.AsType[*gate.ConfigError](err)
	if !ok {
		t.Fatalf("%v is no *gate.ConfigError", err)
	}
	var fields []string
	for _, f := range faulty.Faults {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"Gate", "Authenticate", "TapsPerMinute", "TapBurst", "KeysAhead", "Challenge"}, fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// slow is a lock system that answers when the test lets it, unless the gate gives up
// first.
type slow struct {
	begun, answer chan struct{}
}

func (s slow) Move(ctx context.Context, _ gate.Command) gate.Result {
	close(s.begun)
	select {
	case <-s.answer:
		return gate.Result{Outcome: gate.Accepted}
	case <-ctx.Done():
		return gate.Result{Outcome: gate.Unconfirmed, Cause: gate.CauseCancelled}
	}
}

func newGate(t *testing.T, locks gate.LockDriver) *gate.Gate {
	t.Helper()
	store := memstore.New()
	err := errors.Join(
		store.PutRules(t.Context(), gate.Rules{Site: access.Site{ID: "loft", TimeZone: "UTC"}}),
		store.PutDoor(t.Context(), "loft", gate.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly},
			Link: gate.Link{Site: "s", Gateway: "iq", Lock: "lock"}}),
		store.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{ID: "ada"}}),
		store.PutGrant(t.Context(), "loft", gate.Grant{Grant: access.Grant{
			ID: "g", Member: "ada", Door: "front", Hours: access.Always(), RequiresMembership: new(false),
		}}))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: locks})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A client that disconnects, here over TCP, does not interrupt the command. It reads
// the receipt with its next request.
func TestClientDisconnectsDuringUnlock(t *testing.T) {
	locks := slow{begun: make(chan struct{}), answer: make(chan struct{})}
	ada := func(*http.Request) (gatehttp.Caller, error) { return gatehttp.Caller{Member: "ada"}, nil }
	handler, err := gatehttp.New(gatehttp.Config{Gate: newGate(t, locks), Authenticate: ada})
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			context.AfterFunc(r.Context(), func() { close(gone) }) // the server has noticed
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()

	const id = "request-0123456789"
	ctx, disconnect := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/doors/front/unlock", nil)
		if err == nil {
			r.Header.Set("Idempotency-Key", id)
			_, err = server.Client().Do(r)
		}
		failed <- err
	}()
	<-locks.begun
	disconnect()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("the client got %v", err)
	}
	<-gone
	close(locks.answer)
	resp, err := server.Client().Get(server.URL + "/receipts/" + id + "?wait=20")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"outcome":"accepted"`) || !strings.Contains(string(body), `"recorded":true`) {
		t.Errorf("%v, %s", err, body)
	}
}

// A file that fails in the middle ends with an aborted connection, not like a whole one.
func TestExportThatFailsInTheMiddle(t *testing.T) {
	staff := func(*http.Request) (gatehttp.Caller, error) { return gatehttp.Caller{Staff: true}, nil }
	g := newGate(t, slow{})
	handler, err := gatehttp.New(gatehttp.Config{Gate: g, Authenticate: staff})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(failingWriter{w}, r)
	}))
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/staff/log.csv")
	if err == nil {
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("the client accepted a part of the file as the whole file")
	}
}

// failingWriter fails after the first bytes.
type failingWriter struct{ http.ResponseWriter }

func (w failingWriter) Write(b []byte) (int, error) {
	_, _ = w.ResponseWriter.Write(b[:1])
	return 1, errors.New("no more")
}
