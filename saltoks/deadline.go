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
var ErrSendBy = errors.New("the send deadline of this command has passed: nothing was sent")

// SendDeadline is the instant before which sending a command must start. It has
// passed when the clock has reached it, or when the time that was left at
// NewSendDeadline has elapsed, whichever comes first. So no command is sent
// late, even if the clock is set back or the machine is suspended. It does not
// limit the wait for the answer.
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

// CommandOption changes one command.
type CommandOption func(*Request)

// SendBefore sets the send deadline of a command. A command that cannot start
// before d is not sent: its error is ErrSendBy, or immediately ErrRateLimited
// if the Limiter would start it only later. NotSent reports true for both.
func SendBefore(d *SendDeadline) CommandOption { return func(r *Request) { r.Deadline = d } }

// sendGate enforces the SendDeadline of one attempt. The attempt's context ends
// at the deadline, unless the request has its connection by then; from that
// moment only the caller's context counts. A nil gate enforces nothing.
type sendGate struct {
	deadline *SendDeadline
	cancel   context.CancelFunc
	timer    *time.Timer
	passed   atomic.Bool // stays set, even if the clock is set back
	phase    atomic.Int32
}

// The phases of a gate.
const (
	gateWaiting = iota
	gateHanded  // passed to a transport that may or may not report its connection
	gateStarted // the first byte is written next
	gateLate    // nothing is sent
)

// newSendGate returns a context that ends at d, the gate, and a function that
// releases both.
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

// late reports that the request did not start in time and will not be sent.
func (g *sendGate) late() bool { return g != nil && g.phase.Load() == gateLate }

// start reports whether the request may still be sent. It is called with the
// connection right before the first byte. For a transport that may never report
// a connection it is also called earlier, with nil. If it is too late, start
// closes the connection and returns false: between this call and the first byte
// net/http does not check the context.
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
