//go:build unix

package soak

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// errCut is the error of a cut network before a byte is written.
var errCut = &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("the soak cut the network")}

// shaky is the storage as the sites see it: now and then a call fails before it
// did anything, or after it did all of it, or all calls for a site fail for a while, or
// the process is dead to its database for good.
type shaky struct {
	*sqlstore.Store
	soak *soak

	mu     sync.Mutex
	outage map[string]time.Time // by site: until when
	dieAt  map[string]string    // by site: the call at which the process dies
	dead   bool
	paused bool
}

// allSites is the name under which Runners has its leases.
const allSites = "all sites"

func (s *shaky) fail(ctx context.Context, site, op string, wrote bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, chance := time.Now(), 0.0003
	if a, _ := ctx.Value(askedKey{}).(asked); a.member != nil {
		chance = 0.002
	}
	switch {
	case s.paused:
		return nil
	case !wrote && op != "" && s.dieAt[site] == op:
		s.dead = true
		s.soak.ledger.inject("database", "", now, now.Add(aftermath)) // of all sites, until the restart
	case s.dead, now.Before(s.outage[site]):
	case s.soak.noise(chance):
		if site == allSites {
			site = ""
		}
		s.soak.ledger.inject("database", site, now, now.Add(time.Minute))
	default:
		return nil
	}
	return fmt.Errorf("the soak failed %s (done: %t): %w", op, wrote, storage.ErrUnavailable)
}

// pause ends all faults, or lets them happen again.
func (s *shaky) pause(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
}

func (s *shaky) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// call fails before fn, or after it.
func call[T any](ctx context.Context, s *shaky, site, op string, fn func() (T, error)) (v T, err error) {
	if err := s.fail(ctx, site, op, false); err != nil {
		return v, err
	}
	if v, err = fn(); err != nil {
		return v, err
	}
	if err := s.fail(ctx, site, op, true); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

func (s *shaky) Load(ctx context.Context, ask storage.FactsQuery) (storage.Snapshot, error) {
	return call(ctx, s, ask.Site, "Load", func() (storage.Snapshot, error) { return s.Store.Load(ctx, ask) })
}

func (s *shaky) LoadAll(ctx context.Context, ask storage.FactsQuery) ([]storage.Snapshot, error) {
	return call(ctx, s, ask.Site, "LoadAll", func() ([]storage.Snapshot, error) { return s.Store.LoadAll(ctx, ask) })
}

func (s *shaky) Lookup(ctx context.Context, key storage.RequestKey, door string) (storage.LookupResult, error) {
	return call(ctx, s, key.Site, "Lookup", func() (storage.LookupResult, error) { return s.Store.Lookup(ctx, key, door) })
}

func (s *shaky) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	return call(ctx, s, a.Entry.Site, "Begin", func() (storage.Claim, error) { return s.Store.Begin(ctx, a) })
}

func (s *shaky) Settle(ctx context.Context, x storage.Settlement) (*storage.CheckIn, error) {
	return call(ctx, s, x.Site, "Settle", func() (*storage.CheckIn, error) { return s.Store.Settle(ctx, x) })
}

func (s *shaky) Note(ctx context.Context, site string, e storage.LogEntry) (uint64, error) {
	return call(ctx, s, site, "Note", func() (uint64, error) { return s.Store.Note(ctx, site, e) })
}

func (s *shaky) Wait(ctx context.Context, key storage.RequestKey, known storage.Outcome) (storage.JournalEntry, error) {
	return call(ctx, s, key.Site, "Wait", func() (storage.JournalEntry, error) { return s.Store.Wait(ctx, key, known) })
}

func (s *shaky) Holds(ctx context.Context, site string) ([]storage.Hold, error) {
	return call(ctx, s, site, "Holds", func() ([]storage.Hold, error) { return s.Store.Holds(ctx, site) })
}

func (s *shaky) Ingest(ctx context.Context, site, was, next string, e []storage.VendorEntry) (int, error) {
	return call(ctx, s, site, "Ingest", func() (int, error) { return s.Store.Ingest(ctx, site, was, next, e) })
}

func (s *shaky) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	return call(ctx, s, q.Site, "Entries", func() ([]storage.JournalEntry, error) { return s.Store.Entries(ctx, q) })
}

func (s *shaky) Cursor(ctx context.Context, site string) (string, error) {
	return call(ctx, s, site, "Cursor", func() (string, error) { return s.Store.Cursor(ctx, site) })
}

func (s *shaky) AcquireLease(ctx context.Context, site, name, holder string, d time.Duration) (bool, error) {
	return call(ctx, s, site, "AcquireLease", func() (bool, error) { return s.Store.AcquireLease(ctx, site, name, holder, d) })
}

func (s *shaky) Due(ctx context.Context, q storage.DueQuery) ([]string, error) {
	return call(ctx, s, allSites, "Due", func() ([]string, error) { return s.Store.Due(ctx, q) })
}

// mischief puts one fault in at a site, or at the identity server.
func (s *soak) mischief(x *site) {
	now := time.Now()
	armed := now.Add(armed + aftermath)
	on := saltokstest.On("/sites/" + x.salto.ID + "/locks/")
	wire := []string{
		saltokstest.AnswerLostBeforeMove, saltokstest.AnswerLostAfterMove, saltokstest.Slow, saltokstest.Hang, saltokstest.HTTP429,
		saltokstest.HTTP500, saltokstest.HTML502, saltokstest.TruncatedBody, saltokstest.Redirect307,
	}
	switch n := s.rand.IntN(len(wire) + 8); {
	case n < len(wire):
		opts := []saltokstest.FaultOption{on}
		refused := wire[n] == saltokstest.HTTP429 || wire[n] == saltokstest.Redirect307 // who answers so has moved nothing
		if !refused && s.chance(0.5) {
			opts = append(opts, saltokstest.After())
		}
		s.sim.Fault(wire[n], opts...)
		s.ledger.inject(wire[n], x.id, now, armed)
	case n == len(wire):
		s.sim.Fault(saltokstest.IQOffline, saltokstest.Target(x.salto.IQs[0].ID))
		s.ledger.inject("iq_offline", x.id, now, armed)
	case n == len(wire)+1:
		s.sim.Fault(saltokstest.LockOffline, saltokstest.Target(x.salto.Locks[0].ID))
		s.ledger.inject("lock_offline", x.id, now, armed)
	case n == len(wire)+2:
		s.sim.Fault(saltokstest.OTPBlocked, saltokstest.Target(x.salto.IQs[0].ID))
		s.ledger.inject("otp_blocked", x.id, now, armed)
	case n == len(wire)+3:
		x.net.cut(now.Add(10 * time.Minute))
		s.ledger.inject("network", x.id, now, now.Add(15*time.Minute))
	case n == len(wire)+4:
		until := now.Add(time.Duration(s.rand.IntN(300)) * time.Second)
		s.shaky.mu.Lock()
		s.shaky.outage[x.id] = until
		s.shaky.mu.Unlock()
		s.ledger.inject("database", x.id, now, until.Add(time.Minute))
	case n == len(wire)+5:
		s.shaky.mu.Lock()
		s.shaky.dieAt[x.id] = []string{"Begin", "Settle"}[s.rand.IntN(2)]
		s.shaky.mu.Unlock()
		s.ledger.inject("process", "", now, armed)
	case n == len(wire)+6 && s.chance(0.2):
		s.sim.Fault(saltokstest.IdentityOutage, saltokstest.Delay(40*time.Minute))
		s.ledger.inject("identity", "", now, armed)
	case n == len(wire)+7 && s.chance(0.5):
		s.sim.Fault(saltokstest.TokenEndpoint502AfterRotation)
		s.ledger.inject("token lost", "", now, armed)
		s.ledger.inject("identity", "", now, armed)
	}
}

// streamMischief puts one fault in at the event stream of a site.
func (s *soak) streamMischief(x *site) {
	now := time.Now()
	switch s.rand.IntN(4) {
	case 0:
		x.net.cutEvents(now)
		s.ledger.inject("stream cut", x.id, now, now.Add(2*time.Minute))
	case 1:
		until := now.Add(time.Duration(60+s.rand.IntN(180)) * time.Minute)
		x.net.cutEvents(until)
		s.ledger.inject("stream unreachable", x.id, now, until.Add(2*time.Minute))
	case 2: // of the site that connects next, which is this one
		if !x.net.live() {
			return
		}
		status := []int{http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable}[s.rand.IntN(3)]
		s.sim.Fault(saltokstest.APIError, saltokstest.On("/hub/entries/negotiate"), saltokstest.Status(status))
		s.ledger.inject("stream refused", "", now, now.Add(20*time.Minute)) // a refusal lasts 15
		x.net.cutEvents(now)
	case 3:
		until := now.Add(time.Duration(10+s.rand.IntN(50)) * time.Minute)
		x.net.lose(until)
		s.ledger.inject("stream entries lost", x.id, now, until)
	}
}
