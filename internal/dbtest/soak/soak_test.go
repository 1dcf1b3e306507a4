//go:build unix

package soak

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
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

	rand *rand.Rand // of the world
	dice *dice      // of what runs beside it

	// What a restart creates again.
	db      *sql.DB
	store   *sqlstore.Store
	shaky   *shaky
	runners *gate.Runners
	working context.Context // of the jobs
	stop    context.CancelFunc
	running sync.WaitGroup

	taps, requests, fobs, reconnects, handOvers int
	heap                                        []uint64 // by day, after a collection
	goroutines                                  []int    // with everything closed
	stacks                                      string   // of the first that are too many
}

func (s *soak) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) chance(p float64) bool { return s.rand.Float64() < p }

// noise is chance for what runs beside the visits, so that those stay the same.
func (s *soak) noise(p float64) bool {
	s.dice.Lock()
	defer s.dice.Unlock()
	return s.dice.Float64() < p
}

type dice struct {
	sync.Mutex
	*rand.Rand
}

// TestSoak runs the world and holds it to every promise. Every site follows SALTO's event
// stream for two hours a day and polls in the others, every 25th follows it always: 50
// streams for 30 days would take hours, for their pings and leases. The long form is
//
//	go test ./internal/dbtest/soak -v -timeout 3h -soak.days 30 -soak.sites 50 -soak.members 2000
func TestSoak(t *testing.T) {
	if err := virtualClock(); err != nil {
		t.Fatal(err)
	}
	before := heap()
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := &soak{t: t, dir: tempDir(t), ledger: newLedger(), start: time.Now(),
			rand: rand.New(rand.NewPCG(*soakSeed, 1)), dice: &dice{Rand: rand.New(rand.NewPCG(*soakSeed, 2))}}
		s.sim = saltokstest.New(t, saltokstest.Config{})
		s.env = saltoks.Environment{Name: "simulator", Issuer: s.sim.Issuer(), API: s.sim.API(), Events: s.sim.Events()}
		s.build(*soakSites, *soakMembers)
		for day := range *soakDays {
			s.day(day)
		}
		t.Log("\n" + s.check())
	})
	after := heap()
	t.Logf("\n  %-44s %s\n  %-44s %.1f, %.1f MiB", "it took", time.Since(began).Round(time.Second), "heap before and after all of it",
		mib(before), mib(after))
	if after > before+16<<20 {
		t.Errorf("%.1f MiB stay behind", mib(after-before))
	}
}

// tempDir is where the database and the files are: in memory, if that can be, because the
// soak ends processes, but not the power. TMPDIR selects another folder.
func tempDir(t *testing.T) string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() && os.Getenv("TMPDIR") == "" {
		t.Setenv("TMPDIR", memory)
	}
	return t.TempDir()
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
	lost   bool // its answer gets lost
}

// day lives one day: visits in order, faults every hour, and restarts. The jobs run all
// the time.
func (s *soak) day(n int) {
	ctx := s.t.Context()
	begin := s.start.Add(time.Duration(n+1) * 24 * time.Hour).Truncate(24 * time.Hour)
	time.Sleep(time.Until(begin))
	if n == 0 {
		s.startJobs()
	}
	var visits []visit
	for _, x := range s.sites {
		s.change(ctx, x, begin)
		for _, m := range x.members {
			for s.chance(0.6) {
				at := begin.Add(time.Duration(s.rand.Int64N(int64(24 * time.Hour))))
				if len(m.booked) > 0 { // about their hour
					at = m.booked[0].Start.Add(time.Duration(s.rand.Int64N(int64(2*time.Hour))) - 30*time.Minute)
				}
				visits = append(visits, visit{at: at, site: x, member: m})
			}
		}
	}
	for _, x := range s.sites { // for the event stream to settle, and for a poll
		at := begin.Add(time.Duration(x.followsFrom(begin))*time.Hour + 20*time.Minute + time.Duration(s.rand.Int64N(int64(80*time.Minute))))
		poll := begin.Add((at.Sub(begin) + 12*time.Hour) % (24 * time.Hour))
		for _, at := range []time.Time{at, poll} {
			visits = append(visits, visit{at: at, site: x, member: x.members[0], lost: true})
		}
	}
	slices.SortFunc(visits, func(a, b visit) int { return a.at.Compare(b.at) })
	hour, restarts := begin, []time.Time{begin.Add(time.Duration(s.rand.Int64N(int64(12 * time.Hour)))), begin.Add(18 * time.Hour)}
	for _, v := range append(visits, visit{at: begin.Add(24*time.Hour - time.Minute)}) {
		for ; !hour.After(v.at); hour = hour.Add(time.Hour) {
			time.Sleep(time.Until(hour))
			s.hourly(hour)
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
		s.read(ctx, x)
	}
	s.ledger.forget()
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

// hourly puts the hour's faults in, and lets some sites begin or end to follow the event
// stream.
func (s *soak) hourly(hour time.Time) {
	if hour.Hour()%6 == 0 {
		s.sim.ClearFaults()
	}
	if s.shaky.isDead() {
		s.restart()
	}
	s.handOver(hour)
	for _, x := range s.sites {
		if s.chance(0.15) {
			s.mischief(x)
		}
		if x.lives && s.chance(0.2) {
			s.streamMischief(x)
		}
	}
	s.sim.ForgetRequests()
}

// visit is one member at one door: mostly one tap, sometimes an app that sends
// it three times at once, or tries again later.
func (s *soak) visit(ctx context.Context, v visit) {
	s.taps++
	x, m := v.site, v.member
	door, action := "front", access.Unlock
	if v.lost {
		s.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/sites/"+x.salto.ID+"/locks/"))
		s.ledger.inject(saltokstest.AnswerLostAfterMove, x.id, v.at, v.at.Add(armed+aftermath))
	} else if s.chance(0.3) {
		door = "office"
		if s.chance(0.2) {
			action = access.OfficeMode
		} else if s.chance(0.1) {
			action = access.Lock
		}
	}
	g := x.app.Gate
	do := map[access.Action]func(context.Context, gate.Tap) (gate.Receipt, error){
		access.Unlock: g.Unlock, access.OfficeMode: g.StartOfficeMode, access.Lock: g.Lock,
	}[action]
	if s.chance(0.05) { // it proves no tap
		s.fobs++
		s.sim.Tap(x.lock(door), x.admin.Email)
	}
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
	if s.shaky.isDead() {
		s.restart()
	}
}

// restart closes everything over its files and opens it again.
func (s *soak) restart() {
	s.close()
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)] // NumGoroutine also counts those that are just ending
	s.goroutines = append(s.goroutines, bytes.Count(stacks, []byte("\ngoroutine "))+1)
	if n := len(s.goroutines); s.goroutines[n-1] > s.goroutines[0]+10 && s.stacks == "" {
		s.stacks = string(stacks)
	}
	s.open()
	s.ledger.mu.Lock()
	s.ledger.restarts++
	s.ledger.restarted = time.Now()
	s.ledger.mu.Unlock()
	s.startJobs()
}

// calm ends all faults and lets the jobs work for three hours.
func (s *soak) calm(ctx context.Context) {
	s.sim.ClearFaults()
	if s.shaky.isDead() {
		s.restart()
	}
	s.shaky.pause(true)
	for _, x := range s.sites {
		x.net.restore()
		if status, err := x.app.Status(ctx); err != nil || status.State == saltoauth.ConnectionReauthorize {
			x.reconnect(ctx)
		}
	}
	time.Sleep(3 * time.Hour)
}
