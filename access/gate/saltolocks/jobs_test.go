package saltolocks_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// jobLog is an Observer that keeps the last error of each job and the number of runs.
type jobLog struct {
	mu   sync.Mutex
	runs map[string]int
	errs map[string]error
}

func (l *jobLog) Observe(_ context.Context, e gate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind == gate.JobCompleted {
		l.runs[e.Job]++
		l.errs[e.Job] = e.Err
	}
}

func (l *jobLog) err(job string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.errs[job]
}

// running runs a site for a time.
func (h *host) running(d time.Duration, sites ...*saltolocks.Site) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for _, site := range sites {
		all.Go(func() { site.Run(ctx) })
	}
	all.Wait()
}

// TestSiteRuns: two processes run a site that is connected later, until its consent
// has ended.
func TestSiteRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		log := &jobLog{runs: map[string]int{}, errs: map[string]error{}}
		h.config.Gate.Observer = log
		h.config.Work.Every = map[string]time.Duration{"lock_states": time.Hour}
		one, two := h.open(), h.open()
		h.running(time.Hour, one, two)
		for job, err := range log.errs {
			if err != nil {
				t.Errorf("not connected: %s fails: %v", job, err)
			}
		}
		// Each process runs lock_states at once, after its random first pause, and perhaps an
		// interval of at least 57 minutes later.
		for job, want := range map[string][2]int{"recover": {50, 70}, "links": {1, 1}, "lock_states": {2, 6}} {
			if n := log.runs[job]; n < want[0] || n > want[1] {
				t.Errorf("%s ran %d times in two processes within an hour, want %v", job, n, want)
			}
		}
		if n := len(h.sim.Requests()); n != 0 {
			t.Errorf("%d requests before the connection", n)
		}

		h.connect(one, saltokstest.Allow())
		h.activate(one, h.sim.World().Users[0].Email)
		door, err := h.store.Door(t.Context(), "loft", "front")
		h.ok(err)
		door.Link.Gateway = "another IQ"
		h.ok(h.store.PutDoor(t.Context(), "loft", door))
		h.want(one, gate.Denied, gate.CauseIQNotActivated) // of another IQ: "links" corrects it
		h.running(25*time.Hour, one, two)
		h.want(one, gate.Accepted, "")
		keys, err := two.Gate.Keys(t.Context(), "ada", 0)
		h.ok(err)
		if len(keys) != 1 || keys[0].State != "locked" {
			t.Errorf("keys %+v", keys)
		}
		entries, err := h.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft"})
		h.ok(err)
		h.running(2*time.Minute, two)
		later, err := h.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft"})
		h.ok(err)
		if len(later) != len(entries)+1 {
			t.Errorf("%d entries of SALTO, were %d before the unlock", len(later), len(entries))
		}

		h.sleep(72 * 24 * time.Hour)
		due := func() bool { return slices.Contains(two.Gate.Problems(), gate.CauseReauthorizeDue) }
		h.ok(two.RunOnce(t.Context()))
		if due() {
			t.Error("day 73: the consent is due")
		}
		h.sleep(3 * 24 * time.Hour)
		h.ok(two.RunOnce(t.Context()))
		if !due() {
			t.Error("day 76: the consent is not due")
		}
		h.sleep(16 * 24 * time.Hour)
		_ = two.RunOnce(t.Context()) // SALTO refuses the refresh
		h.sleep(24 * time.Hour)
		if err := two.RunOnce(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) || !due() {
			t.Errorf("day 92: %v, problems %v", err, two.Gate.Problems())
		}
	})
}

// TestSiteInRunners: two processes run a site within a gate.Runners, with all its jobs.
func TestSiteInRunners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		log := &jobLog{runs: map[string]int{}, errs: map[string]error{}}
		h.config.Gate.Observer = log
		one, two := h.open(), h.open()
		h.connect(one, saltokstest.Allow())
		h.activate(one, h.sim.World().Users[0].Email)
		h.want(one, gate.Accepted, "")
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		var all sync.WaitGroup
		for _, site := range []*saltolocks.Site{one, two} {
			jobs := &gate.Runners{}
			if _, err := jobs.Add(site.Runner); err != nil {
				t.Fatal(err)
			}
			all.Go(func() { jobs.Run(ctx) })
		}
		all.Wait()
		for job, want := range map[string][2]int{
			"recover": {50, 70}, "ingest": {50, 70}, "lock_states": {2 * 11, 2 * 14}, "problems": {2, 6}, "links": {1, 1},
		} {
			if n := log.runs[job]; n < want[0] || n > want[1] || log.errs[job] != nil {
				t.Errorf("%s ran %d times in two processes within an hour, want %v: %v", job, n, want, log.errs[job])
			}
		}
		entries, err := h.store.VendorEntries(t.Context(), storage.VendorQuery{Site: "loft"})
		h.ok(err)
		if len(entries) == 0 {
			t.Error("no entries of SALTO's log")
		}
		for _, site := range []*saltolocks.Site{one, two} {
			keys, err := site.Gate.Keys(t.Context(), "ada", 0)
			h.ok(err)
			if len(keys) != 1 || keys[0].State != "locked" {
				t.Errorf("keys %+v", keys)
			}
		}
	})
}
