// Package gatehttptest tests package gatehttp over net/http. It is a package of its own
// so that the module internal/openapi runs the same tests and compares every response
// with the OpenAPI document.
package gatehttptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/reservation"
)

// Exchange is one request and its response. The path of the request is that of
// gatehttp, without a prefix.
type Exchange struct {
	Request  *http.Request
	Sent     []byte
	Response *http.Response
	Received []byte
}

// Run runs all tests. After each test observe, if not nil, gets its exchanges.
func Run(t *testing.T, observe func(*testing.T, Exchange)) {
	all := map[string]func(*fixture){}
	for _, part := range []map[string]func(*fixture){
		tapTests, receiptTests, memberTests, staffTests, healthTests, protocolTests, failureTests,
	} {
		maps.Copy(all, part)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			var exchanges []Exchange
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				all[name](f)
				f.mu.Lock()
				defer f.mu.Unlock()
				exchanges = f.exchanges
			})
			for _, x := range exchanges {
				if observe != nil {
					observe(t, x)
				}
			}
		})
	}
}

// fixture is a site whose handler is mounted under /api. Ada has keys of front, office,
// lab (which has no lock) and old (which is out of service); Bob has none. Mia is staff,
// and Stan is staff without being a member.
type fixture struct {
	*testing.T
	store  *failing
	driver *driver
	config gate.Config
	gate   *gate.Gate
	http   gatehttp.Config
	client *http.Client
	n      int

	mu        sync.Mutex
	exchanges []Exchange
}

const site = "loft"

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t, store: &failing{Store: memstore.New()}, driver: &driver{}}
	f.fill()
	f.config = gate.Config{Site: site, Facts: f.store, Records: f.store, Locks: f.driver}
	f.http = gatehttp.Config{Authenticate: authenticate, Vendor: vendor{}}
	f.serve()
	return f
}

// authenticate takes the caller from a header, in place of a session.
func authenticate(r *http.Request) (gatehttp.Caller, error) {
	switch who := r.Header.Get("Authorization"); who {
	case "":
		return gatehttp.Caller{}, gatehttp.ErrUnauthenticated
	case "Bearer stan":
		return gatehttp.Caller{Staff: true}, nil
	default:
		member := strings.TrimPrefix(who, "Bearer ")
		return gatehttp.Caller{Member: member, Staff: member == "mia"}, nil
	}
}

// serve starts a server; call it again after a change of a configuration.
func (f *fixture) serve() {
	f.Helper()
	var err error
	f.gate, err = gate.New(f.config)
	f.ok(err)
	f.http.Gate = f.gate
	handler, err := gatehttp.New(f.http)
	f.ok(err)
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: http.StripPrefix("/api", handler)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	f.Cleanup(func() {
		_ = server.Close()
		<-served
		time.Sleep(time.Second) // the server waits before it closes a connection whose body it did not read
	})
	f.client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: listener.dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pipes is a listener in memory, because testing/synctest does not support network
// connections.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.IPAddr{} }

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// fill writes the facts.
func (f *fixture) fill() {
	f.Helper()
	ctx, s := f.Context(), f.store
	now := time.Now()
	f.ok(s.PutRules(ctx, gate.Rules{
		Site:      access.Site{ID: site, TimeZone: "UTC"},
		Closures:  []access.Closure{{From: now.Add(-time.Hour), Until: now.Add(time.Hour), Doors: []string{"closed"}}},
		Resources: []access.Resource{{ID: "room", Doors: []string{"booked"}}},
	}))
	for i, door := range []string{"front", "office", "lab", "old", "vault", "closed", "booked"} {
		d := gate.Door{Door: access.Door{ID: door, Name: "Door " + door, AccessType: access.AccessAndOfficeMode, Disabled: door == "old"}}
		if door == "front" || door == "vault" {
			d.AccessType = access.AccessOnly
		}
		if door != "lab" {
			d.Link = gate.Link{Site: "salto", Gateway: "iq", Lock: fmt.Sprint("lock-", i), Name: door}
		}
		f.ok(s.PutDoor(ctx, site, d))
	}
	for _, member := range []string{"ada", "bob", "mia"} {
		f.ok(s.PutMember(ctx, site, gate.Member{Member: access.Member{ID: member}}))
	}
	f.ok(s.PutReservation(ctx, site, gate.Reservation{Reservation: reservation.Reservation{
		ID: "mias", Resource: "room", Member: "mia", Start: now.Add(-time.Hour), End: now.Add(time.Hour),
	}}))
	for _, door := range []string{"front", "office", "lab", "old"} {
		f.grant("ada", door)
	}
}

func (f *fixture) grant(member, door string) {
	f.Helper()
	f.ok(f.store.PutGrant(f.Context(), site, gate.Grant{Grant: access.Grant{
		ID: member + "-" + door, Member: member, Door: door, Hours: access.Always(), RequiresMembership: new(false),
	}}))
}

// driver is a lock system that accepts every command unless move is set.
type driver struct {
	mu   sync.Mutex
	sent int
	move func(context.Context, gate.Command) gate.Result
}

func (d *driver) Move(ctx context.Context, c gate.Command) gate.Result {
	d.mu.Lock()
	d.sent++
	d.mu.Unlock()
	if d.move == nil {
		return gate.Result{Outcome: gate.Accepted}
	}
	return d.move(ctx, c)
}

func (d *driver) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sent
}

// results makes every command end like this.
func (d *driver) results(o gate.Outcome, c gate.Cause) {
	d.move = func(context.Context, gate.Command) gate.Result {
		return gate.Result{Outcome: o, Cause: c, Err: errors.New("secret-4711")}
	}
}

// tap returns a body with a new request id.
func (f *fixture) tap() string {
	f.n++
	return fmt.Sprintf(`{"request_id":"request-%08d"}`, f.n)
}

// unlock sends one tap of Ada at the front door, and returns its request id.
func (f *fixture) unlock() (id string) {
	f.Helper()
	f.post("ada", "/doors/front/unlock", f.tap()).want(200)
	time.Sleep(gate.ShareWithin + time.Second) // so that the next tap is another command
	return fmt.Sprintf("request-%08d", f.n)
}

// answer is a response.
type answer struct {
	*fixture
	status int
	header http.Header
	body   []byte
	json   map[string]any // nil for anything but a JSON object
}

func (f *fixture) get(who, path string) answer {
	f.Helper()
	return f.send(who, http.MethodGet, path, "")
}

func (f *fixture) post(who, path, body string, header ...string) answer {
	f.Helper()
	if body != "" {
		header = append([]string{"Content-Type", "application/json"}, header...)
	}
	return f.send(who, http.MethodPost, path, body, header...)
}

// send sends a request of a member; header holds names and values.
func (f *fixture) send(who, method, path, body string, header ...string) answer {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), method, "http://doors.example/api"+path, strings.NewReader(body))
	f.ok(err)
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else if r.Header.Get(header[i]) != "" && header[i] == "Idempotency-Key" {
			r.Header.Add(header[i], header[i+1])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := f.client.Do(r)
	f.ok(err)
	defer resp.Body.Close()
	received, err := io.ReadAll(resp.Body)
	f.ok(err)
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		f.Errorf("%s %s: Cache-Control is %q", method, path, got)
	}
	if bytes.Contains(received, []byte("secret-4711")) {
		f.Errorf("%s %s: the response contains an error for staff: %s", method, path, received)
	}
	seen := r.Clone(context.Background())
	seen.URL.Path = strings.TrimPrefix(seen.URL.Path, "/api")
	seen.URL.RawPath = strings.TrimPrefix(seen.URL.RawPath, "/api")
	f.mu.Lock()
	f.exchanges = append(f.exchanges, Exchange{seen, []byte(body), resp, received})
	f.mu.Unlock()
	a := answer{fixture: f, status: resp.StatusCode, header: resp.Header, body: received}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") && method != http.MethodHead {
		_ = json.Unmarshal(received, &a.json) // a file of JSON Lines is no object
	}
	return a
}

// want checks the status, and fields of the body.
func (a answer) want(status int, fields ...any) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if diff := cmp.Diff(fields[i+1], a.json[fields[i].(string)]); diff != "" {
			a.Errorf("%s (-want +got):\n%s%s", fields[i], diff, a.body)
		}
	}
	if message, _ := a.json["message"].(string); status >= 400 && len(a.body) > 0 && a.json["causes"] == nil && message == "" {
		a.Errorf("status %d without a message for the member: %s", status, a.body)
	}
	return a
}

// problem checks that the answer is a problem with this code.
func (a answer) problem(status int, code string) answer {
	a.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		a.Errorf("Content-Type is %q: %s", kind, a.body)
	}
	return a.want(status, "code", code, "status", float64(status))
}
