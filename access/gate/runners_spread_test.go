package gate_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// TestRunnersSpreadTheOtherJobs: ingest runs at each site once a minute, in one of the
// processes, at the site's own offset and never too many at once.
func TestRunnersSpreadTheOtherJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var mu sync.Mutex
		polls, each := map[string][]time.Time{}, map[string]int{}
		options := func(c *gate.RunnerConfig) {
			site := c.Gate
			c.Vendor = pollFunc(func() {
				s, _ := site.Stats(context.Background())
				mu.Lock()
				defer mu.Unlock()
				polls[s.Site] = append(polls[s.Site], time.Now())
			})
			c.Jobs = []gate.Job{{Name: "each", Every: 10 * time.Minute, EachProcess: true, Run: func(context.Context) error {
				s, _ := site.Stats(context.Background())
				mu.Lock()
				defer mu.Unlock()
				each[s.Site]++
				return nil
			}}}
		}
		one, two := newManySites(t, store, 60, options), newManySites(t, store, 60, options)
		runHosts(t, time.Hour, one, two)
		mu.Lock()
		defer mu.Unlock()
		perSecond := map[int64]int{}
		for id, list := range polls {
			if n := len(list); n < 50 || n > 62 {
				t.Errorf("%s was polled %d times within an hour, want about 57", id, n)
			}
			for _, at := range list {
				perSecond[at.Unix()]++
			}
			if n := each[id]; n < 11 || n > 14 {
				t.Errorf("the job of each process ran %d times at %s, want about 12", n, id)
			}
		}
		if len(polls) != 60 || len(each) != 60 {
			t.Errorf("%d sites were polled", len(polls))
		}
		for at, n := range perSecond {
			if n > 12 { // two processes of 5 per second, at a change of turns
				t.Errorf("%d polls in second %d", n, at)
			}
		}
		if n := len(perSecond); n < 1200 {
			t.Errorf("the polls are within %d seconds of an hour", n)
		}
	})
}

// TestRunnersPerSecond: with more sites than PerSecond allows, each is served later.
func TestRunnersPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var polls []time.Time
		var mu sync.Mutex
		h := newManySites(t, memstore.New(), 150, func(c *gate.RunnerConfig) {
			c.Vendor = pollFunc(func() { mu.Lock(); defer mu.Unlock(); polls = append(polls, time.Now()) })
		})
		h.all.PerSecond = 0.5
		runHosts(t, time.Hour, h)
		for i := 1; i < len(polls); i++ {
			if gap := polls[i].Sub(polls[i-1]); gap < 2*time.Second-time.Millisecond {
				t.Fatalf("two polls within %v", gap)
			}
		}
		if n := len(polls); n < 1600 || n > 1800 {
			t.Errorf("%d polls within an hour, want nearly 1800", n)
		}
		for id := range h.gates {
			if n := len(h.events("ingest", id)); n < 10 {
				t.Errorf("%s was polled %d times", id, n)
			}
		}
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := h.all.RunOnce(ctx); err == nil || !strings.HasPrefix(err.Error(), "ingest: ") {
			t.Errorf("RunOnce without enough time: %v", err)
		}
	})
}

// pollFunc is a lock system's log without entries.
type pollFunc func()

func (f pollFunc) Poll(_ context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	f()
	return nil, cursor, nil
}

func (pollFunc) Meaning(context.Context, gate.VendorEntry) (gate.Meaning, error) {
	return gate.Meaning{}, nil
}

func (pollFunc) Name(context.Context, string) (string, error) { return "", nil }
