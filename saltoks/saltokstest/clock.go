package saltokstest

import (
	"sync"
	"time"
)

// Clock is the simulator's time: Config.Now plus the duration it was advanced
// by. No part of the simulator waits for it: the effects of elapsed time are
// computed when the state is read. It is safe for concurrent use.
type Clock struct {
	base func() time.Time

	mu     sync.Mutex
	offset time.Duration
}

// Now returns the simulator's current time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset)
}

// Advance moves the clock by d; a negative d moves it back. Locks whose open time has
// passed relock, schedules end, codes and tokens expire.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// advanced returns how far the clock is ahead of Config.Now.
func (c *Clock) advanced() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

func (c *Clock) reset() { c.Advance(-c.advanced()) }
