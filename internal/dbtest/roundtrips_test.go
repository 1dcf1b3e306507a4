//go:build unix

package dbtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestRoundTrips counts what goes over the wire once statements are prepared.
func TestRoundTrips(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, r := watched(t, d)
		fillSite(t, s, "loft")
		ask := storage.FactsQuery{Site: "loft", Member: "ada", Door: "front", At: noon}
		n := 0
		key := func() storage.RequestKey {
			n++
			return storage.RequestKey{Site: "loft", Member: "ada", RequestID: fmt.Sprintf("request-%08d", n)}
		}
		var begun []storage.RequestKey
		begin := func() {
			k := key()
			if c, err := s.Begin(t.Context(), attempt(k, time.Duration(n)*time.Minute)); err != nil || c.State != storage.Claimed {
				t.Fatal(c.State, err)
			}
			begun = append(begun, k)
		}
		for _, c := range []struct {
			name string
			most int // on PostgreSQL; SQLite has no wire
			do   func() error
		}{
			{"Load", 1, func() error { _, err := s.Load(t.Context(), ask); return err }},
			{"LoadAll", 1, func() error { _, err := s.LoadAll(t.Context(), ask); return err }},
			{"Lookup", 1, func() error { _, err := s.Lookup(t.Context(), key(), "front"); return err }},
			{"Begin", 1, func() error { begin(); return nil }},
			{"Settle", 1, func() error {
				_, err := s.Settle(t.Context(), storage.Settlement{
					RequestKey: begun[len(begun)-1], Outcome: storage.Accepted, At: noon, Doc: []byte("{}"), Log: logEntry("ada", storage.Accepted, 0),
					CheckIn: &storage.CheckIn{Member: "ada", Key: key().RequestID, Door: "front", At: noon},
				})
				begun = begun[:len(begun)-1]
				return err
			}},
			{"Get", 1, func() error { _, err := s.Documents().Get(t.Context(), "k"); return err }},
		} {
			for range 20 { // every connection has its statements
				if err := c.do(); err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
			}
			r.take()
			if err := c.do(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			steps := r.take()
			if len(steps) > c.most && d.Dialect == sqlstore.PostgreSQL {
				t.Errorf("%s asks the driver %d times, at most %d are wanted: %v", c.name, len(steps), c.most, steps)
			}
			t.Logf("%s: %d", c.name, len(steps))
		}
	})
}

// recorder is a hook that notes what the driver is asked.
type recorder struct {
	mu    sync.Mutex
	steps []Step
}

func (r *recorder) hook(s Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.Done {
		r.steps = append(r.steps, s)
	}
	return nil
}

// take returns the steps since the last call.
func (r *recorder) take() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	steps := r.steps
	r.steps = nil
	return steps
}

// watched is a store whose every statement is recorded.
func watched(t testing.TB, d Database) (*sqlstore.Store, *recorder) {
	t.Helper()
	d.Store(t) // migrates
	r := &recorder{}
	s := hooked(t, d, r.hook)
	r.take()
	return s, r
}
