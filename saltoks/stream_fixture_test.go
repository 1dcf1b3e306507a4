package saltoks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// streamFixture is a site whose entries are streamed in a synctest bubble.
type streamFixture struct {
	*testing.T
	door
	c   *saltoks.Client
	net *eventNetwork
	ctx context.Context

	mu     sync.Mutex
	got    []saltoks.Entry
	states []saltoks.StreamState
	end    error
}

func newStreamFixture(t *testing.T, cfg saltokstest.Config) *streamFixture {
	t.Helper()
	sim := saltokstest.New(t, cfg)
	n := &eventNetwork{next: sim.HTTPClient().Transport, events: sim.Events()}
	c, err := simClient(sim, func(cfg *saltoks.Config) {
		cfg.HTTPClient = &http.Client{Transport: n}
		cfg.Limiter = saltoks.NoRateLimit()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return &streamFixture{T: t, door: activatedDoor(sim), c: c, net: n, ctx: t.Context()}
}

// start streams until the test ends, or until stop is called.
func (f *streamFixture) start(opts ...saltoks.StreamOption) (stop func()) {
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan struct{})
	opts = append(opts, saltoks.OnStreamState(func(s saltoks.StreamState) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.states = append(f.states, s)
	}))
	go func() {
		defer close(done)
		for e, err := range f.c.Entries.Stream(ctx, f.site, opts...) {
			f.mu.Lock()
			if f.end = err; err == nil {
				f.got = append(f.got, e)
			}
			f.mu.Unlock()
		}
	}()
	stop = func() { cancel(); <-done }
	f.Cleanup(stop)
	synctest.Wait()
	return stop
}

func (f *streamFixture) tap() { f.sim.Tap(string(f.lock), f.user) }

func (f *streamFixture) state() saltoks.StreamState {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.states) == 0 {
		return saltoks.StreamState{}
	}
	return f.states[len(f.states)-1]
}

// ended returns the error that ended the stream, or nil while it runs.
func (f *streamFixture) ended() error {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end
}

// exactlyOnce compares what was yielded with SALTO's log.
func (f *streamFixture) exactlyOnce() {
	f.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	var got, want []saltoks.EntryID
	for _, e := range f.got {
		got = append(got, e.ID)
	}
	for e, err := range f.c.Entries.All(f.ctx, f.site) {
		if err != nil {
			f.Fatal(err)
		}
		want = append(want, e.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.Errorf("yielded %d entries, SALTO has %d: %v, %v", len(got), len(want), got, want)
	}
}

// ordered checks the order of the entries.
func (f *streamFixture) ordered() {
	f.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.IsSortedFunc(f.got, func(a, b saltoks.Entry) int { return a.At.Compare(b.At) }) {
		f.Error("the entries are not in their order")
	}
}

// eventNetwork is a network that can fail, and that can change what the event stream
// delivers.
type eventNetwork struct {
	next   http.RoundTripper
	events string

	down   atomic.Bool  // nothing is reachable
	lost   atomic.Int64 // requests while it was down
	cutAt  atomic.Int64 // the next stream ends after so many bytes
	mute   atomic.Bool  // streams deliver nothing
	change func(record string) []string
	answer atomic.Pointer[hubAnswer] // in place of the simulator
	open   atomic.Int64              // streams that were not closed

	mu       sync.Mutex
	requests []*http.Request
}

// count returns how many requests have a path that ends with suffix.
func (n *eventNetwork) count(suffix string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.requests {
		if strings.HasSuffix(r.URL.Path, suffix) {
			count++
		}
	}
	return count
}

// hubAnswer answers a request, or returns nil.
type hubAnswer func(*http.Request) *http.Response

var errDown = errors.New("network is unreachable")

func (n *eventNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.down.Load() {
		n.lost.Add(1)
		return nil, errDown
	}
	if !strings.HasPrefix(r.URL.String(), n.events) && n.answer.Load() == nil {
		return n.next.RoundTrip(r)
	}
	n.mu.Lock()
	n.requests = append(n.requests, r)
	n.mu.Unlock()
	if answer := n.answer.Load(); answer != nil {
		if resp := (*answer)(r); resp != nil {
			return resp, nil
		}
	}
	resp, err := n.next.RoundTrip(r)
	if err == nil && resp.Header.Get("Content-Type") == "text/event-stream" {
		n.open.Add(1)
		resp.Body = &eventBody{n: n, ReadCloser: resp.Body, left: n.cutAt.Swap(0)}
	}
	return resp, err
}

// eventBody is the body of a stream. left is how many bytes it delivers; 0 is no limit.
type eventBody struct {
	n *eventNetwork
	io.ReadCloser
	left int64
	out  bytes.Buffer
	once sync.Once
}

func (b *eventBody) Close() error {
	b.once.Do(func() { b.n.open.Add(-1) })
	return b.ReadCloser.Close()
}

func (b *eventBody) Read(p []byte) (int, error) {
	for b.out.Len() == 0 {
		buf := make([]byte, 32<<10)
		n, err := b.ReadCloser.Read(buf)
		if err != nil {
			return 0, err
		}
		if b.n.down.Load() {
			return 0, errDown
		}
		b.out.WriteString(b.pass(string(buf[:n])))
	}
	if b.left > 0 {
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.out.Read(p)
	if b.left > 0 {
		if b.left -= int64(n); b.left == 0 {
			_ = b.Close()
			return n, io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// pass returns what of a text arrives.
func (b *eventBody) pass(text string) string {
	switch {
	case b.n.mute.Load():
		return ""
	case b.n.change == nil || !strings.Contains(text, "ReceiveMessage"):
		return text
	}
	return strings.Join(b.n.change(text), "")
}

// hubAnswers answers every request to the hub.
func hubAnswers(status int, body string) *hubAnswer {
	answer := hubAnswer(func(r *http.Request) *http.Response {
		if !strings.Contains(r.URL.Path, "/hub/") {
			return nil
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	})
	return &answer
}
