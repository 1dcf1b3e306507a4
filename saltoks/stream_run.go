package saltoks

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/signalr"
)

// stream is one running Stream.
type stream struct {
	c       *Client
	site    SiteID
	cfg     streamConfig
	overlap time.Duration
	yield   func(Entry, error) bool
	stopped bool // the caller left the loop

	cursor EntryCursor
	// recent has the time at which each entry was yielded, for those within the
	// overlap: a later poll may return them again, or not list them yet.
	recent map[EntryID]time.Time
	polled time.Time // when the last poll began; zero: poll at once
	state  StreamState
}

func newStream(c *Client, site SiteID, cfg streamConfig, yield func(Entry, error) bool) *stream {
	return &stream{
		c: c, site: site, cfg: cfg, overlap: newPollConfig(cfg.polls).overlap, yield: yield,
		cursor: cfg.cursor, recent: map[EntryID]time.Time{},
	}
}

var (
	errStopped  = errors.New("the loop was left")
	errNoEvents = errors.New("Environment.Events is empty")
)

// run connects, and polls until it connects again. It returns when the stream
// has ended.
func (st *stream) run(ctx context.Context) error {
	var again reconnect
	for {
		began := time.Now()
		err := st.live(ctx)
		if end := st.ended(ctx, err); end != nil {
			return end
		}
		if errors.Is(err, signalr.ErrExpired) && time.Since(began) >= lasting {
			continue
		}
		st.report(ctx, false, st.c.streamError(routeStream, err))
		pause := again.pause(time.Since(began))
		if refusesStream(err) {
			pause = refusedWait
		}
		if err := st.offline(ctx, pause); err != nil {
			return err
		}
	}
}

// ended returns the error that ends the stream, or nil if it continues after err.
func (st *stream) ended(ctx context.Context, err error) error {
	if st.stopped {
		return errStopped
	}
	return st.c.endsStream(ctx, err)
}

// endsStream returns the error that ends every stream of the client, or nil if one
// continues after err.
func (c *Client) endsStream(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case c.closed.Load():
		return ErrClientClosed
	case errors.Is(err, ErrReauthorize):
		return err
	}
	return nil
}

// reconnect is the wait before a stream connects again. The zero value is that before
// the first time.
type reconnect struct{ wait time.Duration }

// pause returns the wait after a connection that lasted for d.
func (r *reconnect) pause(d time.Duration) time.Duration {
	if r.wait == 0 || d >= lasting {
		r.wait = firstReconnect
	}
	pause := r.wait/2 + rand.N(r.wait/2)
	r.wait = min(2*r.wait, longestReconnect)
	return pause
}

// refusesStream reports whether err stays until the site, the role or the configuration
// changes, so that connecting again soon is useless.
func refusesStream(err error) bool {
	if status, ok := errors.AsType[*signalr.StatusError](err); ok {
		return status.Negotiating && (status.Status == http.StatusForbidden || status.Status == http.StatusNotFound)
	}
	return errors.Is(err, errNoEvents) || errors.Is(err, signalr.ErrNoTransport)
}

// offline polls until it is time to connect again.
func (st *stream) offline(ctx context.Context, pause time.Duration) error {
	reconnect := time.After(pause)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-reconnect:
			return nil
		case <-time.After(time.Until(st.polled.Add(st.cfg.every))):
			if err := st.poll(ctx); err != nil {
				return err
			}
		}
	}
}

// live connects, fills the gap and yields what the event stream delivers, until
// the connection ends.
func (st *stream) live(ctx context.Context) error {
	conn, err := st.c.dialHub(ctx, "entries", st.site)
	if err != nil {
		// A 401 does not mark the token stale: the API may accept it, and commands
		// use it. If the API does not, the next poll renews it.
		if status, ok := errors.AsType[*signalr.StatusError](err); ok && status.Status == http.StatusUnauthorized {
			st.polled = time.Time{}
		}
		return err
	}
	defer conn.Close()
	st.report(ctx, true, nil)
	if err := st.poll(ctx); err != nil {
		return err
	}
	return st.receive(ctx, conn)
}

// dialHub connects to one of a site's hubs, until the token that it sends expires.
func (c *Client) dialHub(ctx context.Context, hub string, site SiteID) (*signalr.Conn, error) {
	u, err := url.Parse(c.cfg.Environment.Events)
	if err != nil || u.Host == "" {
		return nil, errNoEvents
	}
	u = u.JoinPath("v1", "hub", hub)
	u.RawQuery = url.Values{"site_id": {string(site)}}.Encode()
	if err := c.cfg.Limiter.wait(ctx, newRequest(http.MethodPost, routeStream, Safe).lane); err != nil {
		return nil, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	transport, err := c.wrap(c.transport)
	if err != nil {
		return nil, err
	}
	return signalr.Dial(ctx, signalr.Config{
		URL: u, Transport: transport, UserAgent: c.cfg.UserAgent, Expiry: token.Expiry,
		Token: func(ctx context.Context) (string, error) {
			t, err := c.token(ctx)
			return t.Access.Reveal(), err
		},
	})
}

// receive yields entries until the connection ends, and polls from time to time.
func (st *stream) receive(ctx context.Context, conn *signalr.Conn) error {
	pollAt := time.Now().Add(max(livePoll, st.cfg.every))
	for {
		waiting, stop := context.WithDeadline(ctx, pollAt)
		m, err := conn.Receive(waiting)
		stop()
		switch {
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if err := st.poll(ctx); err != nil {
				return err
			}
			pollAt = time.Now().Add(max(livePoll, st.cfg.every))
			continue
		case err != nil:
			return err
		}
		e, ok, err := streamedEntry(m)
		if err != nil { // a poll soon returns the entry, or an error that names its fault
			pollAt = time.Now().Add(firstReconnect)
		}
		if ok && !st.emit(e) {
			return errStopped
		}
	}
}

// streamedEntry decodes the entry of a message. Its argument is a JSON text that
// holds the object; the object itself is understood too.
func streamedEntry(m signalr.Message) (e Entry, ok bool, err error) {
	raw := streamedObject(m)
	if raw == nil {
		return Entry{}, false, nil
	}
	e, err = decode[Entry](raw)
	return e, err == nil, err
}

// streamedObject returns the object of a message, or nil if it is another message.
func streamedObject(m signalr.Message) []byte {
	if m.Target != "ReceiveMessage" || len(m.Arguments) == 0 {
		return nil
	}
	var text string
	if json.Unmarshal(m.Arguments[0], &text) == nil {
		return []byte(text)
	}
	return m.Arguments[0]
}

// poll yields the entries that were not yielded yet. It returns an error only if
// the stream ends with it.
func (st *stream) poll(ctx context.Context) error {
	st.polled = time.Now()
	fresh, next, err := st.c.Entries.Poll(ctx, st.site, st.cursor, st.cfg.polls...)
	if err != nil {
		if endsPolling(err) {
			return err
		}
		if end := st.ended(ctx, err); end != nil {
			return end
		}
		st.log(ctx, "saltoks: the poll of a stream failed", err)
		return nil
	}
	for _, e := range fresh {
		if !st.emit(e) {
			return errStopped
		}
	}
	st.cursor, st.state.PolledAt = next, st.c.cfg.Now().UTC()
	for id, at := range st.recent {
		if time.Since(at) > st.overlap {
			delete(st.recent, id)
		}
	}
	st.report(ctx, st.state.Live, st.state.Err)
	return nil
}

// endsPolling reports whether another poll would fail with the same error.
func endsPolling(err error) bool {
	for _, end := range []error{ErrForbidden, ErrNotFound, ErrInvalidRequest, ErrClientClosed, ErrReauthorize} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// emit yields an entry, unless it was yielded before. It returns false when the
// caller has left the loop.
func (st *stream) emit(e Entry) bool {
	if _, ok := st.recent[e.ID]; ok || slices.Contains(st.cursor.Seen, e.ID) {
		return true
	}
	st.recent[e.ID] = time.Now()
	st.stopped = !st.yield(e, nil)
	return !st.stopped
}

// report passes the state to the host, and logs when the event stream begins or ends.
func (st *stream) report(ctx context.Context, live bool, err error) {
	switch {
	case live && !st.state.Live:
		st.log(ctx, "saltoks: the event stream has begun", nil)
	case !live && st.state.Live:
		st.log(ctx, "saltoks: the event stream has ended", err)
	}
	st.state.Live, st.state.Err, st.state.Cursor = live, err, st.cursor
	if st.cfg.onState != nil {
		st.cfg.onState(st.state)
	}
}

func (st *stream) log(ctx context.Context, message string, err error) {
	attrs := []slog.Attr{slog.String("site", string(st.site))}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	st.c.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, message, attrs...)
}

// streamError describes a failure of the event stream as an *APIError.
func (c *Client) streamError(route string, err error) error {
	if _, ok := errors.AsType[*APIError](err); ok || err == nil {
		return err
	}
	e := c.refuse(newRequest(http.MethodPost, route, Safe), err)
	if status, ok := errors.AsType[*signalr.StatusError](err); ok {
		e.Status, e.cause, e.outcome = status.Status, nil, undecided
	}
	return e
}
