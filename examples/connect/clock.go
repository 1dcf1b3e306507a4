package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// simulatorClock returns the time of the simulator, whose clock can be advanced. Without
// a url it returns the real time.
type simulatorClock struct {
	url   string
	shift atomic.Int64
}

// Now returns the simulator's time, as of the last sync.
func (c *simulatorClock) Now() time.Time { return time.Now().Add(time.Duration(c.shift.Load())) }

// sync reads the time of the simulator. If that fails, the clock continues as before.
func (c *simulatorClock) sync(ctx context.Context, log *slog.Logger) {
	if c.url == "" {
		return
	}
	now, err := c.read(ctx)
	if err != nil {
		log.Error("reading the simulator's clock", "error", err)
		return
	}
	c.shift.Store(int64(time.Until(now)))
}

func (c *simulatorClock) read(ctx context.Context) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return time.Time{}, err
	}
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	var body struct{ Now time.Time }
	err = json.NewDecoder(resp.Body).Decode(&body)
	return body.Now, err
}
