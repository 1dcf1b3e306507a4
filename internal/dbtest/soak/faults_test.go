//go:build unix

package soak

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// errCut is what a cut network says before a byte is written.
var errCut = &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("the soak cut the network")}

// shaky is the storage as the gate sees it: now and then a call fails before it
// did anything, or after it did all of it, or all calls fail for a while, or the
// process is dead to its database for good.
type shaky struct {
	storage.Records
	facts storage.Facts
	site  *site

	mu     sync.Mutex
	until  time.Time // an outage
	dieAt  string    // the call at which the process dies
	dead   bool
	paused bool
}

func (s *shaky) fail(op string, wrote bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	chance := s.site.soak.chance
	switch now := time.Now(); {
	case s.paused:
		return nil
	case !wrote && s.dieAt == op:
		s.dead = true
	case !s.dead && now.After(s.until) && !chance(0.002):
		return nil
	}
	s.site.soak.ledger.inject("database", s.site.id, time.Now())
	return fmt.Errorf("the soak failed %s (done: %t): %w", op, wrote, storage.ErrUnavailable)
}

// call fails before fn, or after it.
func call[T any](s *shaky, op string, fn func() (T, error)) (v T, err error) {
	if err := s.fail(op, false); err != nil {
		return v, err
	}
	if v, err = fn(); err != nil {
		return v, err
	}
	if err := s.fail(op, true); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

func (s *shaky) Load(ctx context.Context, ask storage.FactsQuery) (storage.Snapshot, error) {
	return call(s, "Load", func() (storage.Snapshot, error) { return s.facts.Load(ctx, ask) })
}

func (s *shaky) LoadAll(ctx context.Context, ask storage.FactsQuery) ([]storage.Snapshot, error) {
	return call(s, "LoadAll", func() ([]storage.Snapshot, error) { return s.facts.LoadAll(ctx, ask) })
}

func (s *shaky) Lookup(ctx context.Context, key storage.RequestKey, door string) (storage.LookupResult, error) {
	return call(s, "Lookup", func() (storage.LookupResult, error) { return s.Records.Lookup(ctx, key, door) })
}

func (s *shaky) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	return call(s, "Begin", func() (storage.Claim, error) { return s.Records.Begin(ctx, a) })
}

func (s *shaky) Settle(ctx context.Context, x storage.Settlement) (*storage.CheckIn, error) {
	return call(s, "Settle", func() (*storage.CheckIn, error) { return s.Records.Settle(ctx, x) })
}

func (s *shaky) Note(ctx context.Context, site string, e storage.LogEntry) (uint64, error) {
	return call(s, "Note", func() (uint64, error) { return s.Records.Note(ctx, site, e) })
}

func (s *shaky) Wait(ctx context.Context, key storage.RequestKey, known storage.Outcome) (storage.JournalEntry, error) {
	return call(s, "Wait", func() (storage.JournalEntry, error) { return s.Records.Wait(ctx, key, known) })
}

func (s *shaky) Holds(ctx context.Context, site string) ([]storage.Hold, error) {
	return call(s, "Holds", func() ([]storage.Hold, error) { return s.Records.Holds(ctx, site) })
}

func (s *shaky) Ingest(ctx context.Context, site, was, next string, e []storage.VendorEntry) (int, error) {
	return call(s, "Ingest", func() (int, error) { return s.Records.Ingest(ctx, site, was, next, e) })
}

// mischief puts one fault in at a site, or at the identity server.
func (s *soak) mischief(x *site) {
	now := time.Now()
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
		s.ledger.inject(wire[n], x.id, now)
	case n == len(wire):
		s.sim.Fault(saltokstest.IQOffline, saltokstest.Target(x.salto.IQs[0].ID))
		s.ledger.inject("iq_offline", x.id, now)
	case n == len(wire)+1:
		s.sim.Fault(saltokstest.LockOffline, saltokstest.Target(x.salto.Locks[0].ID))
		s.ledger.inject("lock_offline", x.id, now)
	case n == len(wire)+2:
		s.sim.Fault(saltokstest.OTPBlocked, saltokstest.Target(x.salto.IQs[0].ID))
		s.ledger.inject("otp_blocked", x.id, now)
	case n == len(wire)+3:
		x.cutUntil = now.Add(10 * time.Minute)
		s.ledger.inject("network", x.id, now)
	case n == len(wire)+4:
		x.shaky.until = now.Add(time.Duration(s.rand.IntN(300)) * time.Second)
		s.ledger.inject("database", x.id, now)
	case n == len(wire)+5:
		x.shaky.dieAt = []string{"Begin", "Settle"}[s.rand.IntN(2)]
		s.ledger.inject("database", x.id, now)
		s.ledger.inject("process", x.id, now)
	case n == len(wire)+6 && s.chance(0.2):
		s.sim.Fault(saltokstest.IdentityOutage, saltokstest.Delay(40*time.Minute))
		s.ledger.inject("identity", "", now)
	case n == len(wire)+7 && s.chance(0.5):
		s.sim.Fault(saltokstest.TokenEndpoint502AfterRotation)
		s.ledger.inject("token lost", "", now)
		s.ledger.inject("identity", "", now)
	}
}
