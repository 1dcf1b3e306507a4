//go:build unix

package soak

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

var (
	soakDays    = flag.Int("soak.days", 2, "virtual days")
	soakSites   = flag.Int("soak.sites", 4, "sites")
	soakMembers = flag.Int("soak.members", 120, "members, over all sites")
	soakSeed    = flag.Uint64("soak.seed", 1, "seed of everything random")
)

type soak struct {
	t      *testing.T
	dir    string
	sim    *saltokstest.Sim
	env    saltoks.Environment
	ledger *ledger
	sites  []*site
	start  time.Time

	mu   sync.Mutex
	rand *rand.Rand

	// What a restart creates again.
	db    *sql.DB
	store *sqlstore.Store
	state *saltostate.State
	auth  *saltoauth.Authorizer

	taps, requests, reconnects, swept, recovered, ingested, settledLater int
	heap                                                                 []uint64 // by day, after a collection
	goroutines                                                           []int    // with everything closed
}

func (s *soak) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) chance(p float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.Float64() < p
}

// TestSoak runs the world and holds it to every promise. The long form is
//
//	go test ./internal/dbtest/soak -v -timeout 3h -soak.days 30 -soak.sites 50 -soak.members 2000
func TestSoak(t *testing.T) {
	before := heap()
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := &soak{t: t, dir: t.TempDir(), ledger: newLedger(), rand: rand.New(rand.NewPCG(*soakSeed, 1)), start: time.Now()}
		s.sim = saltokstest.New(t, saltokstest.Config{})
		s.env = saltoks.Environment{Name: "simulator", Issuer: s.sim.Issuer(), API: s.sim.API(), Events: s.sim.Events()}
		s.build(*soakSites, *soakMembers)
		for day := range *soakDays {
			s.day(day)
		}
		t.Log("\n" + s.judge())
	})
	after := heap()
	t.Logf("\n  %-44s %s\n  %-44s %.1f, %.1f MiB", "it took", time.Since(began).Round(time.Second), "heap before and after all of it",
		mib(before), mib(after))
	if after > before+16<<20 {
		t.Errorf("%.1f MiB stay behind", mib(after-before))
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

// visit is one tap to come.
type visit struct {
	at     time.Time
	site   *site
	member *member
}

// day lives one day: visits in order, faults every hour, the host's timers, and
// restarts.
func (s *soak) day(n int) {
	ctx := s.t.Context()
	begin := s.start.Add(time.Duration(n+1) * 24 * time.Hour).Truncate(24 * time.Hour)
	time.Sleep(time.Until(begin))
	var visits []visit
	for _, x := range s.sites {
		s.change(ctx, x, begin)
		for _, m := range x.members {
			for s.chance(0.6) {
				at := begin.Add(time.Duration(s.rand.Int64N(int64(24 * time.Hour))))
				if len(m.booked) > 0 { // about their hour
					at = m.booked[0].Start.Add(time.Duration(s.rand.Int64N(int64(2*time.Hour))) - 30*time.Minute)
				}
				visits = append(visits, visit{at, x, m})
			}
		}
	}
	slices.SortFunc(visits, func(a, b visit) int { return a.at.Compare(b.at) })
	hour, restarts := begin, []time.Time{begin.Add(time.Duration(s.rand.Int64N(int64(12 * time.Hour)))), begin.Add(18 * time.Hour)}
	for _, v := range append(visits, visit{at: begin.Add(24*time.Hour - time.Minute)}) {
		for ; !hour.After(v.at); hour = hour.Add(time.Hour) {
			time.Sleep(time.Until(hour))
			s.timers(ctx, hour)
		}
		time.Sleep(time.Until(v.at))
		if len(restarts) > 0 && v.at.After(restarts[0]) {
			restarts = restarts[1:]
			s.restart()
		}
		if v.site != nil {
			s.visit(ctx, v)
		}
	}
	for _, x := range s.sites { // export the head, verify what came since the last one
		v, err := storage.Verify(ctx, s.store, x.id, x.head, storage.Head{})
		if err != nil {
			s.ledger.wrong("site %s: the chain does not verify: %v", x.id, err)
		}
		x.head = v.Head
	}
	s.sim.ForgetRequests()
	s.heap = append(s.heap, heap())
}

// change is what the host's staff does overnight: bookings, cancellations,
// standings. There are no taps meanwhile, so the soak's own rules stay exact.
func (s *soak) change(ctx context.Context, x *site, begin time.Time) {
	at := begin.Add(6 * time.Hour)
	for _, m := range x.members {
		if s.chance(0.03) {
			m.blocked = !m.blocked
			s.ok(storage.UpdateMember(ctx, s.store, x.id, m.id, func(stored *gate.Member) error { stored.Member = m.facts(); return nil }))
		}
		m.booked = nil
		if m.kind == "booker" && at.Before(begin.Add(22*time.Hour)) && s.chance(0.7) {
			r := reservation.Reservation{ID: fmt.Sprintf("r-%s-%d", m.id, begin.Unix()), Resource: "room", Member: m.id, Start: at,
				End: at.Add(time.Hour), Status: reservation.Confirmed}
			if s.chance(0.2) {
				r.Status = reservation.Cancelled
			}
			s.ok(s.store.PutReservation(ctx, x.id, gate.Reservation{Reservation: r}))
			m.booked = append(m.booked, r)
			at = r.End
		}
	}
}

// timers is what a host does every hour (and oftener), and the hour's faults.
func (s *soak) timers(ctx context.Context, hour time.Time) {
	if hour.Hour()%6 == 0 {
		s.sim.ClearFaults()
	}
	for _, x := range s.sites {
		if s.chance(0.15) {
			s.mischief(x)
		}
		n, err := x.gate.Recover(ctx)
		s.recovered += n
		s.quiet("Recover", err)
		report, err := x.gate.Ingest(ctx, x.locks.Entries(s.start))
		s.ingested += report.New
		s.settledLater += len(report.Settled)
		s.quiet("Ingest", err)
		closing := 22 * time.Hour
		swept, err := x.gate.CloseOfficeMode(with(ctx, asked{id: "guardian", door: "office"}),
			gate.CloseRequest{Closing: &closing, RightEnded: true})
		for _, r := range swept {
			if r.Receipt.Outcome == gate.Accepted {
				s.swept++
			}
		}
		s.quiet("CloseOfficeMode", err)
	}
}

// quiet lets an error pass that one of the faults explains.
func (s *soak) quiet(what string, err error) {
	api := (*saltoks.APIError)(nil)
	if err != nil && !errors.Is(err, storage.ErrUnavailable) && !errors.As(err, &api) && !errors.Is(err, saltoks.ErrReauthorize) {
		s.ledger.wrong("%s: %v", what, err)
	}
}

// visit is one member at one door: mostly one tap, sometimes an app that sends
// it three times at once, or tries again later.
func (s *soak) visit(ctx context.Context, v visit) {
	s.taps++
	x, m := v.site, v.member
	door, action := "front", access.Unlock
	if s.chance(0.3) {
		door = "office"
		if s.chance(0.2) {
			action = access.OfficeMode
		} else if s.chance(0.1) {
			action = access.Lock
		}
	}
	do := map[access.Action]func(context.Context, gate.Tap) (gate.Receipt, error){
		access.Unlock: x.gate.Unlock, access.OfficeMode: x.gate.StartOfficeMode, access.Lock: x.gate.Lock,
	}[action]
	tap := gate.Tap{RequestID: fmt.Sprintf("soak-%012d", s.taps), Member: m.id, Door: door, TappedAt: time.Now()}
	ctx = with(ctx, asked{tap.RequestID, m, door})
	copies := 1
	if s.chance(0.05) {
		copies = 3
	}
	receipts := make([]gate.Receipt, copies)
	var all sync.WaitGroup
	for i := range copies {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			if i > 0 {
				ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond) // an impatient one
			}
			defer cancel()
			receipts[i], _ = do(ctx, tap)
		})
	}
	all.Wait()
	if s.chance(0.05) {
		time.Sleep(time.Duration(s.rand.IntN(15)) * time.Second)
		again, _ := do(ctx, tap)
		receipts = append(receipts, again)
	}
	for _, r := range receipts {
		s.requests++
		key := string(r.Outcome)
		if r.Cause != "" {
			key += " " + string(r.Cause)
		} else if r.Outcome == storage.Denied {
			key += " by the rules"
		}
		s.ledger.receipts[key]++
		now := time.Now()
		if r.Outcome == storage.Denied && r.Cause == "" && action == access.Unlock && m.may(door, v.at) && m.may(door, now) {
			s.ledger.wrong("request %s: %s denied %s at %s, who may: %s", tap.RequestID, door, m.id, v.at, r.Decision.Reason)
		}
		if r.Opened() && action == access.Unlock && !m.may(door, v.at) && !m.may(door, now) {
			s.ledger.wrong("request %s: %s opened for %s at %s, who may not", tap.RequestID, door, m.id, v.at)
		}
		if r.Cause == gate.CauseReauthorize {
			x.reconnect(ctx)
		}
	}
	x.shaky.mu.Lock()
	dead := x.shaky.dead
	x.shaky.mu.Unlock()
	if dead {
		s.restart()
	}
}

// restart closes everything over its files and opens it again.
func (s *soak) restart() {
	s.close()
	synctest.Wait()
	s.goroutines = append(s.goroutines, runtime.NumGoroutine())
	s.open()
	s.ledger.restarts++
}

// judge holds the end of it against every promise, and returns the table.
func (s *soak) judge() string {
	ctx, l := s.t.Context(), s.ledger
	s.sim.ClearFaults()
	time.Sleep(time.Hour)
	s.restart()
	rows, commands, checkIns, unsettled, outcomes := 0, 0, 0, 0, map[storage.Outcome]int{}
	for _, x := range s.sites {
		x.shaky.paused = true
		n, err := x.gate.Recover(ctx)
		s.ok(err)
		s.recovered += n
		v, err := storage.Verify(ctx, s.store, x.id, storage.Head{}, x.head)
		if err != nil {
			l.wrong("site %s: the chain does not verify against the head exported last: %v", x.id, err)
		}
		rows += v.Rows
		list, err := s.store.CheckIns(ctx, storage.CheckInQuery{Site: x.id})
		s.ok(err)
		checkIns += len(list)
		own := 0
		for _, o := range []storage.Outcome{storage.Sending, storage.Accepted, storage.Unconfirmed, storage.Refused, storage.NotSent} {
			list, err := s.store.Entries(ctx, storage.JournalQuery{Site: x.id, Outcome: o, Limit: 1 << 30})
			s.ok(err)
			outcomes[o] += len(list)
			for _, e := range list {
				if e.SendBy.IsZero() {
					continue
				}
				commands++
				if o == storage.Accepted && e.Action != access.Lock {
					own++
				}
				if moved := l.moves[e.RequestID]; e.Member != "" && (moved > 1 || moved == 0 && o == storage.Accepted) {
					l.wrong("request %s is %s and made %d commands", e.RequestID, o, moved)
				}
			}
		}
		if own != len(list) {
			l.wrong("site %s: %d check-ins of %d accepted openings", x.id, len(list), own)
		}
		for _, lock := range x.salto.Locks {
			got, could := s.sim.Movements(lock.ID), l.possible[lock.ID]
			if got < could["certain"] || got > could["certain"]+could["unsure"] {
				l.wrong("site %s: lock %s moved %d times; %d commands were accepted and %d unconfirmed", x.id, lock.Name, got, could["certain"],
					could["unsure"])
			}
			unsettled += got
		}
	}
	if outcomes[storage.Sending] > 0 {
		l.wrong("Recover left %d commands behind", outcomes[storage.Sending])
	}
	slices.Sort(s.goroutines)
	if most, least := s.goroutines[len(s.goroutines)-1], s.goroutines[0]; most > least+10 {
		l.wrong("goroutines with everything closed: from %d to %d", least, most)
	}
	entries := 0
	for _, x := range s.sites {
		entries += len(s.sim.Entries(x.salto.ID))
	}
	s.close()
	for _, v := range l.violations {
		s.t.Error(v)
	}
	if commands == 0 || unsettled == 0 || len(l.alerts) == 0 {
		s.t.Error("nothing happened: this soak proves nothing")
	}

	var b strings.Builder
	row := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "  %-44s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("sites, members, virtual days", "%d, %d, %d", len(s.sites), *soakMembers, *soakDays)
	row("visits, requests (with repeats)", "%d, %d", s.taps, s.requests)
	row("commands claimed, movements, check-ins", "%d, %d, %d", commands, unsettled, checkIns)
	row("restarts, consents renewed", "%d, %d", l.restarts, s.reconnects)
	row("lost commands found by Recover", "%d", s.recovered)
	row("SALTO entries read, commands they settled", "%d, %d", s.ingested, s.settledLater)
	row("office mode ended by the guardian", "%d", s.swept)
	row("rows of the door log, all verified", "%d", rows)
	kinds := map[string]int{}
	for _, i := range l.injected {
		kinds[i.kind]++
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		row("fault: "+k, "%d", kinds[k])
	}
	for _, k := range slices.Sorted(maps.Keys(l.alerts)) {
		row("alert: "+string(k), "%d", l.alerts[k])
	}
	for _, k := range slices.Sorted(maps.Keys(l.receipts)) {
		row("receipt: "+k, "%d", l.receipts[k])
	}
	row("promises broken", "%d", len(l.violations))
	row("goroutines with everything closed", "%d to %d", s.goroutines[0], s.goroutines[len(s.goroutines)-1])
	row("heap after the first and the last day", "%.1f, %.1f MiB (the simulator's log grew by %d entries)", mib(s.heap[0]),
		mib(s.heap[len(s.heap)-1]), entries)
	return b.String()
}
