package saltokstest

import (
	"sync"
	"time"
)

// Clock is the simulator's time: a base (time.Now unless Config.Now says
// otherwise, so the fake clock inside a testing/synctest bubble) plus whatever
// was advanced. Nothing in the simulator waits for it: what should have
// happened by now is worked out when somebody looks. Safe for concurrent use.
type Clock struct {
	base func() time.Time

	mu     sync.Mutex
	offset time.Duration
}

// Now returns the simulator's present instant.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset)
}

// Advance moves the clock by d; a negative d moves it back. Locks whose open
// time ran out relock, schedules end, codes and tokens expire.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

func (c *Clock) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = 0
}
