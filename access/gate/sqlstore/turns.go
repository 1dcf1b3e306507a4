package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// urgency is the order in which the statements of a site get their turn.
type urgency int

const (
	// first is for Settle: its door has moved, and its outcome must be recorded.
	first urgency = iota
	// usual waits for as long as its context allows.
	usual
	// refusable is for Begin, which is refused at once if it would not be in time: the
	// member at the door gets an answer, and those in front of it the time.
	refusable
)

// turns orders the writes, or the reads, of one process: a few of a site at a time, so
// that a busy site does not use up the connections of the others, in the order in which
// they came, except that the urgent ones go first.
type turns struct {
	slots int // how many of a site run at a time
	mu    sync.Mutex
	sites map[string]*queue
}

// queue is the writes or reads of one site that run or wait; it exists while there are any.
type queue struct {
	running int
	urgent  []*waiter
	others  []*waiter
	// took is how long one takes when all goes well: it follows quick ones at once and
	// slow ones slowly, so that only what is sure to be late is refused.
	took time.Duration
	done int
}

type waiter struct{ ready chan struct{} }

// slotsOfSite is how many writes, and how many reads of each kind, of a site a process sends
// to PostgreSQL at a time, if that is not more than a quarter of the pool. The server
// executes one write of a site, while others travel. More reads make no site faster: the
// writes behind them take longer.
const slotsOfSite = 4

const (
	// enoughDone is how many writes must have ended before took is relied upon: the first
	// ones of a process wait for new connections.
	enoughDone = 20
	// margin is what a refusable write must have left when its turn comes.
	margin = 200 * time.Millisecond
)

// enter waits for the turn of a write at a site; end ends it. Writes of PostgreSQL that
// lock no chain have no site and do not wait; SQLite has one queue for all.
func (s *Store) enter(ctx context.Context, site string, u urgency) (end func(), err error) {
	if s.read.dialect == SQLite {
		site = ""
	} else if site == "" {
		return func() {}, nil
	}
	return s.writes.enter(ctx, site, u)
}

// reading waits for the turn of a read at a site, and then for one of the places of all
// reads; end ends both. With turns, other sites do not wait behind the reads of a burst at
// one. With places, outcomes do not wait behind reads: a pool gives a free connection to any
// of those that wait for one.
func (s *Store) reading(ctx context.Context, t *turns, site string) (end func(), err error) {
	if s.read.dialect == SQLite {
		return func() {}, nil
	}
	endTurn, err := t.enter(ctx, site, usual)
	if err != nil || s.places == nil {
		return endTurn, err
	}
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places; endTurn() }, nil
	case <-ctx.Done():
		endTurn()
		return nil, ctx.Err()
	}
}

// enter waits for a turn at a site; end ends it.
func (t *turns) enter(ctx context.Context, site string, u urgency) (end func(), err error) {
	if err := t.take(ctx, site, u); err != nil {
		return nil, err
	}
	began := time.Now()
	return func() { t.give(site, time.Since(began)) }, nil
}

func (t *turns) take(ctx context.Context, site string, u urgency) error {
	t.mu.Lock()
	q := t.sites[site]
	if q == nil {
		if t.sites == nil {
			t.sites = map[string]*queue{}
		}
		q = &queue{}
		t.sites[site] = q
	}
	if q.running < t.slots {
		q.running++
		t.mu.Unlock()
		return nil
	}
	ahead := len(q.urgent) + len(q.others)
	wait := q.took * time.Duration(ahead/t.slots+1)
	if u == refusable && q.done >= enoughDone && late(ctx, wait+q.took) {
		t.mu.Unlock()
		return fmt.Errorf("%w: %d are waiting, for about %s", storage.ErrBusy, ahead, wait.Round(time.Millisecond))
	}
	w := &waiter{ready: make(chan struct{})}
	if u == first {
		q.urgent = append(q.urgent, w)
	} else {
		q.others = append(q.others, w)
	}
	t.mu.Unlock()
	select {
	case <-w.ready:
		if ctx.Err() == nil && (u != refusable || !late(ctx, margin)) {
			return nil
		}
	case <-ctx.Done():
	}
	return t.leave(ctx, site, q, w, u)
}

// late reports whether the context ends within d.
func late(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < d
}

// leave gives up waiting, or the turn that w got meanwhile, and returns the error.
func (t *turns) leave(ctx context.Context, site string, q *queue, w *waiter, u urgency) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	is := func(o *waiter) bool { return o == w }
	select {
	case <-w.ready:
		t.next(site, q)
	default:
		q.urgent, q.others = slices.DeleteFunc(q.urgent, is), slices.DeleteFunc(q.others, is)
	}
	if u == refusable {
		return fmt.Errorf("%w: no turn came in time", storage.ErrBusy)
	}
	return ctx.Err()
}

func (t *turns) give(site string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.sites[site]
	if q.done++; q.took == 0 || took < q.took {
		q.took = took
	}
	q.took += (took - q.took) / 32
	t.next(site, q)
}

// next hands a turn that ended to the next waiter.
func (t *turns) next(site string, q *queue) {
	waiting := &q.urgent
	if len(*waiting) == 0 {
		waiting = &q.others
	}
	if len(*waiting) > 0 {
		close((*waiting)[0].ready)
		*waiting = (*waiting)[1:]
		return
	}
	if q.running--; q.running == 0 {
		delete(t.sites, site)
	}
}
