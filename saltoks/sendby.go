package saltoks

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// ErrSendBy: the command's last instant for sending has passed; nothing was sent.
var ErrSendBy = errors.New("the instant until which this command may be sent has passed: nothing was sent")

// sendGuard lets one request start only before an instant. Its context ends at
// that instant, unless the request has got its connection by then: from there
// on only the caller's context counts. The client's transport calls start with
// the connection, right before the first byte.
type sendGuard struct {
	at     time.Time
	now    func() time.Time
	cancel context.CancelFunc
	timer  *time.Timer
	ended  atomic.Bool // the time has passed, whatever the clock says since
	phase  atomic.Int32
}

const (
	guardWaiting = iota // the instant ends the context
	guardHanded         // given to a transport that may tell when it has a connection, or not
	guardStarted        // the first byte follows
	guardLate           // it never will
)

type sendGuardKey struct{}

// withSendBy returns ctx under a guard; without an instant, ctx and nil.
func withSendBy(ctx context.Context, at *time.Time, now func() time.Time) (context.Context, *sendGuard, func()) {
	if at == nil {
		return ctx, nil, func() {}
	}
	g := &sendGuard{at: *at, now: now}
	ctx, g.cancel = context.WithCancel(context.WithValue(ctx, sendGuardKey{}, g))
	left := at.Sub(now())
	if g.over() {
		g.end()
	}
	g.timer = time.AfterFunc(left, g.end)
	return ctx, g, func() {
		g.timer.Stop()
		g.cancel()
	}
}

func (g *sendGuard) end() {
	g.ended.Store(true)
	if g.phase.CompareAndSwap(guardWaiting, guardLate) {
		g.cancel()
	}
}

// over asks the clock. One that is plainly wrong leaves no time to send.
func (g *sendGuard) over() bool {
	now := g.now()
	return g.ended.Load() || !clockIsSet(now) || !now.Before(g.at)
}

// passed is ErrSendBy once it is too late to start.
func (g *sendGuard) passed() error {
	if g != nil && g.phase.Load() == guardLate {
		return ErrSendBy
	}
	return nil
}

// sendGuardOf returns the guard of a command under way, nil outside of one. It is
// the command's alone: what the host's code calls meanwhile does not start it.
func sendGuardOf(ctx context.Context) *sendGuard {
	g, _ := ctx.Value(sendGuardKey{}).(*sendGuard)
	return g
}

// start is called when the request has its connection, and before that where
// it may never be told (conn is nil). Too late, it closes the connection:
// net/http looks at the context no more from here to the first byte.
func (g *sendGuard) start(conn net.Conn) error {
	if g == nil {
		return nil
	}
	next := int32(guardStarted)
	if conn == nil {
		next = guardHanded
	}
	if g.over() {
		next = guardLate
	}
	if !g.phase.CompareAndSwap(guardWaiting, next) {
		g.phase.CompareAndSwap(guardHanded, next)
	}
	if g.passed() == nil {
		return nil
	}
	g.cancel()
	if conn != nil {
		_ = conn.Close()
	}
	return ErrSendBy
}

// explain names the guard as the cause of what it kept from being sent. A guard
// that is late has never let a request start, whatever the transport made of
// the connection that was closed under it.
func (g *sendGuard) explain(err error) error {
	if err == nil || g.passed() == nil {
		return err
	}
	late := &APIError{outcome: notSent, cause: ErrSendBy}
	if e, ok := errors.AsType[*APIError](err); ok {
		late.Method, late.Route, late.Attempts = e.Method, e.Route, e.Attempts
	}
	return late
}
