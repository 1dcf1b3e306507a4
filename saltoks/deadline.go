package saltoks

import (
	"context"
	"errors"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// ErrSendBy reports that a command's SendDeadline passed before the command
// could be sent. Nothing was sent.
var ErrSendBy = errors.New("the instant until which this command may be sent has passed: nothing was sent")

// SendDeadline is the instant until which a command may start to be sent. It
// has passed when the clock reads it or later, or when as much time has elapsed
// as was left when NewSendDeadline was called, whichever comes first: neither a
// clock that is set back nor a suspended machine makes a command late. It does
// not limit how long the answer is waited for.
//
// A nil SendDeadline never passes, a zero one has passed. It is safe for concurrent use if its clock
// is.
type SendDeadline struct {
	at   time.Time
	now  func() time.Time
	made time.Time     // with the monotonic reading of this process
	left time.Duration // when it was made
}

// NewSendDeadline returns the deadline at by the clock now; nil means time.Now.
// Make it before the first wait, such as the one for a one-time code.
func NewSendDeadline(at time.Time, now func() time.Time) *SendDeadline {
	if now == nil {
		now = time.Now
	}
	d := &SendDeadline{at: at.Round(0), now: now, made: time.Now()}
	d.left = d.byClock()
	return d
}

// Left returns how long a command may still start; it is not positive when the
// deadline has passed or when the clock is plainly wrong (before 1990).
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

// CommandOption changes one command.
type CommandOption func(*Request)

// SendBefore lets a command start only before d. A later one is not sent: its
// error is ErrSendBy, or at once ErrRateLimited where the Limiter could only
// start it later; NotSent reports true for both.
func SendBefore(d *SendDeadline) CommandOption { return func(r *Request) { r.Deadline = d } }

// sendGate holds one attempt to its SendDeadline. The attempt's context ends at
// the deadline, unless the request has its connection by then: from there on
// only the caller's context counts. A nil gate holds nothing.
type sendGate struct {
	deadline *SendDeadline
	cancel   context.CancelFunc
	timer    *time.Timer
	passed   atomic.Bool // whatever the clock reads since
	phase    atomic.Int32
}

// The phases of a gate.
const (
	gateWaiting = iota
	gateHanded  // given to a transport that may report its connection, or not
	gateStarted // the first byte follows
	gateLate    // nothing is sent
)

// newSendGate returns ctx under d, and a function that ends the gate.
func newSendGate(ctx context.Context, d *SendDeadline) (context.Context, *sendGate, func()) {
	ctx, cancel := context.WithCancel(ctx)
	if d == nil {
		return ctx, nil, cancel
	}
	g := &sendGate{deadline: d, cancel: cancel}
	left := d.Left()
	g.timer = time.AfterFunc(left, g.end)
	if left <= 0 {
		g.end()
	}
	return ctx, g, func() {
		g.timer.Stop()
		cancel()
	}
}

func (g *sendGate) end() {
	g.passed.Store(true)
	if g.phase.CompareAndSwap(gateWaiting, gateLate) {
		g.cancel()
	}
}

// late reports that the request did not start in time and never will.
func (g *sendGate) late() bool { return g != nil && g.phase.Load() == gateLate }

// start is called with the connection, right before the first byte, and with
// nil before that where the transport may never report a connection. It returns
// false when it is too late, and has closed the connection then: from here to
// the first byte net/http does not look at the context.
func (g *sendGate) start(conn net.Conn) bool {
	if g == nil {
		return true
	}
	next := int32(gateStarted)
	if conn == nil {
		next = gateHanded
	}
	if g.passed.Load() || g.deadline.Left() <= 0 {
		next = gateLate
	}
	if !g.phase.CompareAndSwap(gateWaiting, next) {
		g.phase.CompareAndSwap(gateHanded, next)
	}
	if !g.late() {
		return true
	}
	g.cancel()
	if conn != nil {
		_ = conn.Close()
	}
	return false
}
