package gate

import (
	"context"
	"sync"
	"time"
)

// limit is a context that ends after a while, as context.WithTimeout makes it,
// but its timer starts only when somebody waits for the end: most calls are over
// long before, and four timers are a good part of what an unlock costs.
type limit struct {
	parent context.Context
	until  time.Time

	mu     sync.Mutex
	ended  error           // why, if it ended before anybody waited
	timed  context.Context // once somebody waits
	cancel context.CancelFunc
}

// withLimit makes a limit, which is to be ended when nobody needs it any more.
func withLimit(parent context.Context, d time.Duration) *limit {
	return &limit{parent: parent, until: time.Now().Add(d)}
}

func (l *limit) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed != nil {
		l.cancel()
	} else if l.ended = l.err(); l.ended == nil {
		l.ended = context.Canceled
	}
}

func (l *limit) Deadline() (time.Time, bool) {
	if t, ok := l.parent.Deadline(); ok && t.Before(l.until) {
		return t, true
	}
	return l.until, true
}

func (l *limit) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		if l.ended != context.Canceled {
			l.timed, l.cancel = context.WithDeadline(l.parent, l.until)
		} else {
			l.timed, l.cancel = context.WithCancel(l.parent)
			l.cancel()
		}
	}
	return l.timed.Done()
}

func (l *limit) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err()
}

func (l *limit) err() error {
	switch {
	case l.ended != nil:
		return l.ended
	case l.timed != nil:
		return l.timed.Err()
	case l.parent.Err() != nil:
		return l.parent.Err()
	case time.Until(l.until) <= 0: // one clock to read, time.Now reads two
		return context.DeadlineExceeded
	}
	return nil
}

// Value asks the context with the timer, once there is one: package context
// finds it by a value.
func (l *limit) Value(key any) any {
	l.mu.Lock()
	timed := l.timed
	l.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return l.parent.Value(key)
}
