package saltoks

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// Limiter limits the rate of one credential's calls. It has two lanes, so a
// command never waits behind reads. The quota belongs to the credential: give
// one Limiter to all clients that share it. It is safe for concurrent use.
// SALTO publishes no limit; the defaults are this package's choice.
type Limiter struct {
	lanes [2]limiterLane
}

// LimiterConfig holds the rates of a Limiter, in calls per second, and the
// bursts, in calls. A zero field means its default.
type LimiterConfig struct {
	Commands     float64 // default 20
	CommandBurst int     // default 40
	Reads        float64 // default 5
	ReadBurst    int     // default 10
}

// NewLimiter returns a Limiter. Its error names every invalid field.
func NewLimiter(cfg LimiterConfig) (*Limiter, error) {
	var faults faultlist.List
	faults.Require(cfg.Commands >= 0, "LimiterConfig.Commands is negative")
	faults.Require(cfg.CommandBurst >= 0, "LimiterConfig.CommandBurst is negative")
	faults.Require(cfg.Reads >= 0, "LimiterConfig.Reads is negative")
	faults.Require(cfg.ReadBurst >= 0, "LimiterConfig.ReadBurst is negative")
	if err := faults.Err("saltoks"); err != nil {
		return nil, err
	}
	l := new(Limiter)
	l.lanes[commandLane].rate = rate.NewLimiter(rate.Limit(cmp.Or(cfg.Commands, 20)), cmp.Or(cfg.CommandBurst, 40))
	l.lanes[readLane].rate = rate.NewLimiter(rate.Limit(cmp.Or(cfg.Reads, 5)), cmp.Or(cfg.ReadBurst, 10))
	return l, nil
}

// NoRateLimit returns a Limiter that waits only after SALTO asked for a pause.
func NoRateLimit() *Limiter {
	l := &Limiter{}
	for i := range l.lanes {
		l.lanes[i].rate = rate.NewLimiter(rate.Inf, 0)
	}
	return l
}

// ready reports whether NewLimiter or NoRateLimit made l.
func (l *Limiter) ready() bool { return l.lanes[commandLane].rate != nil }

type lane uint8

const (
	readLane lane = iota
	commandLane
)

type limiterLane struct {
	rate *rate.Limiter

	mu    sync.Mutex
	until time.Time // after a 429, no call starts before this time
}

// wait blocks until a call may start. It returns ctx's error, or immediately
// one that wraps ErrRateLimited and context.DeadlineExceeded if the call could
// not start in time.
func (l *Limiter) wait(ctx context.Context, which lane) error {
	ln := &l.lanes[which]
	if err := ln.waitPause(ctx); err != nil {
		return err
	}
	err := ln.rate.Wait(ctx)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return errTooLate
}

func (l *limiterLane) waitPause(ctx context.Context) error {
	for {
		l.mu.Lock()
		until := l.until
		l.mu.Unlock()
		d := time.Until(until)
		if until.IsZero() || d <= 0 {
			return ctx.Err()
		}
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
			return errTooLate
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
		}
	}
}

// pause stops the lane for d after a 429; a shorter pause never ends a longer one.
func (l *Limiter) pause(which lane, d time.Duration) {
	ln := &l.lanes[which]
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if until := time.Now().Add(d); until.After(ln.until) {
		ln.until = until
	}
}

var errTooLate = fmt.Errorf("%w (%w: the limiter would start this call too late)", ErrRateLimited, context.DeadlineExceeded)
