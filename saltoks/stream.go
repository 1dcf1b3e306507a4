package saltoks

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/signalr"
)

// StreamState is the state of a Stream, which OnStreamState reports.
type StreamState struct {
	// Live is true while SALTO's event stream delivers the entries, and false
	// while they are polled.
	Live bool `json:"live"`
	// Err is why the stream is not live.
	Err error `json:"-"`
	// Cursor is where a later Stream or Poll continues: every entry before it has
	// been yielded.
	Cursor EntryCursor `json:"cursor"`
	// PolledAt is when a poll last succeeded; zero if none has.
	PolledAt time.Time `json:"polled_at,omitzero"`
}

// StreamOption changes one Stream.
type StreamOption func(*streamConfig)

type streamConfig struct {
	cursor  EntryCursor
	every   time.Duration
	polls   []PollOption
	onState func(StreamState)
	err     error
}

// DefaultStreamPoll is how often Stream polls while the event stream is not
// available.
const DefaultStreamPoll = time.Minute

// Since makes Stream continue where an earlier one or a Poll ended. Without it
// Stream begins with the entries that are made while it runs.
func Since(c EntryCursor) StreamOption { return func(s *streamConfig) { s.cursor = c } }

// PollEvery makes Stream poll with the given options every d, which must be
// positive, while the event stream is not available. While it is, Stream polls
// every five minutes, or every d if that is longer.
func PollEvery(d time.Duration, opts ...PollOption) StreamOption {
	return func(s *streamConfig) {
		if s.every, s.polls = d, opts; d <= 0 {
			s.err = errors.New("PollEvery: must be positive")
		}
	}
}

// OnStreamState makes Stream call fn when the state changes, and after each poll. fn
// runs between two entries and must return quickly.
func OnStreamState(fn func(StreamState)) StreamOption {
	return func(s *streamConfig) { s.onState = fn }
}

const (
	routeStream = "/v1/hub/entries/negotiate"
	// livePoll finds entries that the event stream lost.
	livePoll = 5 * time.Minute
	// The wait before connecting again doubles until a connection lasts.
	firstReconnect   = time.Second
	longestReconnect = time.Minute
	lasting          = time.Minute // how long a connection has to last
	// refusedWait is the wait after SALTO refused the event stream: a missing feature
	// or role changes rarely.
	refusedWait = 15 * time.Minute
)

// Stream yields the entries of a site as SALTO publishes them. It blocks until
// ctx ends, and then yields ctx's error.
//
// Each entry is yielded once. What the event stream loses is found by polling:
// when it connects, every few minutes while it is connected, and every minute
// while it is not, because the site has no such feature (events_streaming), the
// user no such role, or SALTO does not answer. Entries that the event stream
// delivers are in its order, entries that a poll finds are oldest first. An entry
// that appears later than Poll's overlap covers is found by a deep pass only.
//
// A failure that may pass is not an error of the sequence, but is reported to
// OnStreamState and to the client's logger. The sequence ends with an error if
// ctx ended, the client was closed, a person must consent again, the site is not
// found or the user may not read its entries.
func (s *EntriesService) Stream(ctx context.Context, site SiteID, opts ...StreamOption) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		cfg := streamConfig{cursor: EntryCursor{From: s.c.cfg.Now().UTC()}, every: DefaultStreamPoll}
		for _, o := range opts {
			if o != nil {
				o(&cfg)
			}
		}
		st := newStream(s.c, site, cfg, yield)
		err := cfg.err
		if err == nil {
			err = st.run(ctx)
		}
		if !st.stopped {
			yield(Entry{}, s.c.streamError(routeStream, err))
		}
	}
}

// IncidentsService streams what SALTO reports about a site's hardware.
type IncidentsService service

// Incident is one message of the incidents hub. Its fields are not known (WIRE.md
// 2.7), so it is the JSON object that SALTO sent.
type Incident struct {
	Raw json.RawMessage `json:"raw"`
}

const routeIncidents = "/v1/hub/incidents/negotiate"

// Stream yields the incidents of a site as SALTO publishes them. It blocks until
// ctx ends, and then yields ctx's error. If SALTO does not offer the hub, which
// public sources only mention, the sequence ends at once without an error. What
// happens while the connection is lost is not yielded: SALTO keeps no list of
// incidents. The sequence ends with an error as that of EntriesService.Stream.
func (s *IncidentsService) Stream(ctx context.Context, site SiteID) iter.Seq2[Incident, error] {
	return func(yield func(Incident, error) bool) {
		var again reconnect
		for {
			began := time.Now()
			err := s.receive(ctx, site, yield)
			status, _ := errors.AsType[*signalr.StatusError](err)
			if errors.Is(err, errStopped) || status != nil && status.Negotiating && status.Status == http.StatusNotFound {
				return
			}
			end := s.c.endsStream(ctx, err)
			if end == nil && refusesStream(err) {
				end = err
			}
			if end != nil {
				yield(Incident{}, s.c.streamError(routeIncidents, end))
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(again.pause(time.Since(began))):
			}
		}
	}
}

// receive yields the incidents of one connection until it ends.
func (s *IncidentsService) receive(ctx context.Context, site SiteID, yield func(Incident, error) bool) error {
	conn, err := s.c.dialHub(ctx, "incidents", site)
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		m, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		if raw := streamedObject(m); raw != nil && json.Valid(raw) && !yield(Incident{raw}, nil) {
			return errStopped
		}
	}
}
