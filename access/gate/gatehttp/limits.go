package gatehttp

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxTracked bounds the memory of limits.
	maxTracked = 10_000
	// maxWaits is how many requests of one member may wait for an outcome at a time.
	maxWaits = 4
)

// limits are the limits per member.
type limits struct {
	perSecond rate.Limit
	burst     int

	mu      sync.Mutex
	members map[string]*memberLimit
	pruned  time.Time // when idle members were last removed
}

type memberLimit struct {
	taps  *rate.Limiter
	waits int // requests that are waiting for an outcome
}

func newLimits(tapsPerMinute, burst int) *limits {
	return &limits{perSecond: rate.Limit(float64(tapsPerMinute) / 60), burst: burst, members: map[string]*memberLimit{}}
}

// tap counts a tap of the member. If it is one too many, tap returns how long to wait
// for the next one.
func (l *limits) tap(member string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taps := l.of(member).taps
	if taps.Allow() {
		return 0
	}
	missing := 1 - taps.Tokens()
	return max(time.Duration(missing/float64(l.perSecond)*float64(time.Second)), time.Second)
}

// wait reports whether the member may wait for an outcome. If so, done must be called.
func (l *limits) wait(member string) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.of(member)
	if m.waits >= maxWaits {
		return nil, false
	}
	m.waits++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		m.waits--
	}, true
}

// of returns the limits of a member. If there are limits of too many members, it
// removes those of idle members first, and then any others.
func (l *limits) of(member string) *memberLimit {
	if m := l.members[member]; m != nil {
		return m
	}
	if now := time.Now(); len(l.members) >= maxTracked && now.Sub(l.pruned) >= time.Second {
		l.pruned = now
		for id, m := range l.members {
			if m.waits == 0 && m.taps.TokensAt(now) >= float64(l.burst) {
				delete(l.members, id)
			}
		}
	}
	for id := range l.members {
		if len(l.members) < maxTracked {
			break
		}
		delete(l.members, id)
	}
	m := &memberLimit{taps: rate.NewLimiter(l.perSecond, l.burst)}
	l.members[member] = m
	return m
}
