// Package sendby lets a command start only before an instant. saltoremote sets
// the instant, the client's transport and limiter keep to it.
package sendby

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// ErrPassed: the command's last instant for sending has passed; nothing was
// sent. It is saltoks.ErrSendBy.
var ErrPassed = errors.New("the instant until which this command may be sent has passed: nothing was sent")

// Guard lets one request start only before an instant. Its context ends at
// that instant, unless the request has got its connection by then: from there
// on only the caller's context counts. The client's transport calls Start with
// the connection, right before the first byte. A nil Guard sets no instant.
type Guard struct {
	at     time.Time
	now    func() time.Time
	cancel context.CancelFunc
	timer  *time.Timer
	ended  atomic.Bool // the time has passed, whatever the clock reads since
	phase  atomic.Int32
}

const (
	waiting = iota // the instant ends the context
	handed         // given to a transport that may report its connection, or not
	started        // the first byte follows
	late           // it never will
)

type contextKey struct{}

// With returns ctx under a guard; without an instant, ctx and nil. The caller
// calls stop when the command has ended.
func With(ctx context.Context, at *time.Time, now func() time.Time) (guarded context.Context, g *Guard, stop func()) {
	if at == nil {
		return ctx, nil, func() {}
	}
	g = &Guard{at: *at, now: now}
	ctx, g.cancel = context.WithCancel(context.WithValue(ctx, contextKey{}, g))
	left := at.Sub(now())
	if g.Over() {
		g.end()
	}
	g.timer = time.AfterFunc(left, g.end)
	return ctx, g, func() {
		g.timer.Stop()
		g.cancel()
	}
}

// Of returns the guard of a command under way, nil outside of one. It is the
// command's alone: what the host's code calls meanwhile does not start it.
func Of(ctx context.Context) *Guard {
	g, _ := ctx.Value(contextKey{}).(*Guard)
	return g
}

func (g *Guard) end() {
	g.ended.Store(true)
	if g.phase.CompareAndSwap(waiting, late) {
		g.cancel()
	}
}

// Left returns how long the command may still start, by the guard's clock.
func (g *Guard) Left() time.Duration { return g.at.Sub(g.now()) }

// LeftAt is Left at an instant that was read from the clock already.
func (g *Guard) LeftAt(now time.Time) time.Duration { return g.at.Sub(now) }

// Over asks the clock. One that is plainly wrong leaves no time to send.
func (g *Guard) Over() bool {
	now := g.now()
	return g.ended.Load() || !hostcall.ClockIsSet(now) || !now.Before(g.at)
}

// Passed is ErrPassed once it is too late to start.
func (g *Guard) Passed() error {
	if g != nil && g.phase.Load() == late {
		return ErrPassed
	}
	return nil
}

// Start is called when the request has its connection, and before that where
// the transport may never report one (conn is nil). Too late, it closes the
// connection: net/http looks at the context no more from here to the first byte.
func (g *Guard) Start(conn net.Conn) error {
	if g == nil {
		return nil
	}
	next := int32(started)
	if conn == nil {
		next = handed
	}
	if g.Over() {
		next = late
	}
	if !g.phase.CompareAndSwap(waiting, next) {
		g.phase.CompareAndSwap(handed, next)
	}
	if g.Passed() == nil {
		return nil
	}
	g.cancel()
	if conn != nil {
		_ = conn.Close()
	}
	return ErrPassed
}
