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

// tenants stores which connection belongs to which tenant, as a platform's own
// database does. The id is not secret.
type tenants struct {
	dir string
	mem atomic.Value // without a folder: the one tenant's id
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

// simulatorClock is the real clock, shifted like the simulator's. With the real
// SALTO there is no url and no shift.
type simulatorClock struct {
	url   string
	shift atomic.Int64
}

// Now returns the simulator's time.
func (c *simulatorClock) Now() time.Time { return time.Now().Add(time.Duration(c.shift.Load())) }

// follow reads the time of the simulator.
func (c *simulatorClock) follow(ctx context.Context, log *slog.Logger) {
	if c.url == "" {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		log.Error("clock", "error", err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Error("clock", "error", err)
		return
	}
	defer resp.Body.Close()
	var answer struct{ Now time.Time }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		log.Error("clock", "error", err)
		return
	}
	c.shift.Store(int64(time.Until(answer.Now)))
}
