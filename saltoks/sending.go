package saltoks

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// sending records how far the request of one attempt got, as the transport
// reports it from any goroutine, and enforces the request's SendDeadline. The
// attempt's context ends at the deadline, unless the request has its connection
// by then; from that moment only the caller's context counts.
type sending struct {
	deadline *SendDeadline
	// stdTransport is true for an *http.Transport, which reports its connections.
	stdTransport bool
	cancel       context.CancelFunc

	handed atomic.Bool // the request was passed to the transport
	traced atomic.Bool // net/http has the request and calls the hooks
	wrote  atomic.Bool // the first byte may have been written

	mu      sync.Mutex
	expired bool // the deadline has passed; stays set if the clock is set back
	started bool // the request has its connection; the first byte is written next
	late    bool // the deadline passed before started: the request is not sent
	closed  bool // a late request's connection was closed before the first byte
}

// newSending returns the attempt's context, and a function that releases what
// it holds.
func newSending(ctx context.Context, d *SendDeadline, stdTransport bool) (context.Context, *sending, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s := &sending{deadline: d, stdTransport: stdTransport, cancel: cancel}
	left := d.Left()
	if left <= 0 {
		s.expire()
	}
	timer := time.AfterFunc(left, s.expire)
	return ctx, s, func() {
		timer.Stop()
		cancel()
	}
}

// expire is called when the deadline passes. Once a transport that may not report its
// connections has the request, the deadline no longer ends it.
func (s *sending) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired = true
	if !s.started && (s.stdTransport || !s.handed.Load()) {
		s.stop()
	}
}

// stop makes the request late. The caller holds mu.
func (s *sending) stop() {
	s.late = true
	s.cancel()
}

// start reports whether the request may still be sent. The caller holds mu.
func (s *sending) start() bool {
	if !s.started && (s.expired || s.deadline.Left() <= 0) {
		s.stop()
	}
	return !s.late
}

// hand is called right before the request is passed to the transport. It
// returns false if it is too late.
func (s *sending) hand() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stdTransport && !s.start() {
		return false
	}
	s.handed.Store(true)
	return true
}

// connected is called with the connection right before the first byte. If it is
// too late, it closes the connection: between this call and the first byte
// net/http does not check the context.
func (s *sending) connected(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start() {
		s.started = true
		return
	}
	s.closed = !s.wrote.Load()
	_ = conn.Close()
}

func (s *sending) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:          func(string) { s.traced.Store(true) },
		GotConn:          func(info httptrace.GotConnInfo) { s.connected(info.Conn) },
		WroteHeaderField: func(string, []string) { s.wrote.Store(true) },
	}
}

// isLate reports whether the request did not start in time, so that it is not sent.
func (s *sending) isLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// maybeSent reports, after RoundTrip has returned, whether a byte may have been
// sent. net/http writes to the connection only after it has reported the first
// header field, and it closes the connection of a request that it gives up. A
// transport that reports nothing may have sent the request.
func (s *sending) maybeSent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && (s.wrote.Load() || s.handed.Load() && !s.stdTransport && !s.traced.Load())
}

// ErrSendBy reports that a command's SendDeadline passed before the command
// could be sent. Nothing was sent.
var ErrSendBy = errors.New("the send deadline of this command has passed: nothing was sent")

// SendDeadline is the instant before which sending a command must start. It has
// passed when the clock has reached it, or when the time that was left at
// NewSendDeadline has elapsed, whichever comes first. So no command is sent
// late, even if the clock is set back or the machine is suspended. It does not
// limit the wait for the answer. A command that cannot start in time is not
// sent: its error is ErrSendBy, or immediately ErrRateLimited if the Limiter
// would start it only later. NotSent reports true for both.
//
// A nil SendDeadline never passes; a zero one has already passed. It is safe
// for concurrent use if its clock is.
type SendDeadline struct {
	at   time.Time
	now  func() time.Time
	made time.Time     // with the monotonic reading of this process
	left time.Duration // when it was made
}

// NewSendDeadline returns a deadline at the instant at, read by the clock now;
// nil means time.Now. Call it before the first wait, such as the one for a
// one-time code.
func NewSendDeadline(at time.Time, now func() time.Time) *SendDeadline {
	if now == nil {
		now = time.Now
	}
	d := &SendDeadline{at: at.Round(0), now: now, made: time.Now()}
	d.left = d.byClock()
	return d
}

// Left returns the time during which a command may still start. It is zero or
// negative when the deadline has passed or when the clock is not set (before
// 1990).
func (d *SendDeadline) Left() time.Duration {
	if d == nil {
		return math.MaxInt64
	}
	return min(d.byClock(), d.left-time.Since(d.made))
}

// byClock compares wall clocks: a monotonic reading stops while the machine is
// suspended.
func (d *SendDeadline) byClock() time.Duration {
	if d.now == nil { // a zero SendDeadline
		return 0
	}
	now := d.now()
	if !hostcall.ClockIsSet(now) {
		return 0
	}
	return d.at.Sub(now.Round(0))
}
