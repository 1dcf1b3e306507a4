package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// tenants stores the connection id of each tenant. A platform keeps it in its own
// database. The id is not secret.
type tenants struct {
	dir string
	mem atomic.Value // without dir: the id of the only tenant
}

func (t *tenants) get(tenant string) (string, error) {
	if t.dir == "" {
		id, _ := t.mem.Load().(string)
		return id, nil
	}
	id, err := os.ReadFile(filepath.Join(t.dir, tenant+".connection"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(id), err
}

func (t *tenants) set(tenant, id string) error {
	if t.dir == "" {
		t.mem.Store(id)
		return nil
	}
	return os.WriteFile(filepath.Join(t.dir, tenant+".connection"), []byte(id), 0o600)
}

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
