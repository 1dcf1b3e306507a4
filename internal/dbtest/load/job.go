//go:build unix

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/internal/dbtest"
)

// jobVariable names the environment variable that makes a process a worker.
const jobVariable = "DOORKIT_LOAD_JOB"

// job is what one process does, for its Seconds unless it only has Taps.
type job struct {
	ID, Process, Processes int
	Database, Direct       string // with and without the added round trip
	Results, Moves         string // files
	Members, Sites         int
	Cloud, Every           time.Duration
	// ByHand replays the statements of an unlock, without gate and storage.
	ByHand bool

	Taps       int // at the first site, each from a goroutine of its own
	Goroutines int // each taps one time after the other, at the sites in turn
	Count      int // how often the Goroutines tap in all; 0 taps for all Seconds
	Paced      int // goroutines at each site from From on, which tap once every Every
	From       int // if it is not 0, the Goroutines tap at the first site only
	Site       int // of ByHand, in place of the first one
	Seconds    int
}

// answer is one receipt.
type answer struct {
	Request  string
	Site     int
	Process  int
	Outcome  gate.Outcome
	Cause    gate.Cause
	Err      string
	Recorded bool
	Shared   bool // with another tap of the member
	Start    time.Time
	Took     time.Duration
}

func (a answer) end() time.Time { return a.Start.Add(a.Took) }

// taps is the state of one process.
type taps struct {
	job
	gates []*gate.Gate
	moves *os.File
	check *sql.DB // of its own, so that looking for attempt rows does not use the pool
	hand  *dbtest.Replay
	moved atomic.Int64
	next  []atomic.Int64 // by site
	begun atomic.Int64
	mu    sync.Mutex
	list  []answer
}

func (j job) run(ctx context.Context) error {
	store, db, err := dbtest.Parse(j.Database).OpenStore(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	t := &taps{job: j, next: make([]atomic.Int64, j.Sites)}
	if t.moves, err = os.OpenFile(j.Moves, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	defer t.moves.Close()
	if t.check, err = dbtest.Parse(j.Direct).Open(); err != nil {
		return err
	}
	defer t.check.Close()
	t.check.SetMaxOpenConns(1)
	for i := range j.Sites {
		g, err := t.gate(store, i)
		if err != nil {
			return err
		}
		t.gates = append(t.gates, g)
	}
	if err := t.warmUp(ctx, db); err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	t.tap(ctx)
	data, err := json.Marshal(t.list)
	if err != nil {
		return err
	}
	return os.WriteFile(j.Results, data, 0o600)
}

func (t *taps) gate(store *sqlstore.Store, site int) (*gate.Gate, error) {
	return gate.New(gate.Config{Site: siteName(site), Facts: store, Records: store, Locks: t, CheckIns: gate.EveryUnlock})
}

// warmUp brings the process to the state of one that has run for a while.
func (t *taps) warmUp(ctx context.Context, db *sql.DB) error {
	if err := errors.Join(fill(ctx, db, 16), fill(ctx, t.check, 1)); err != nil {
		return err
	}
	cloud := t.Cloud
	t.Cloud = 0
	defer func() { t.Cloud = cloud }()
	if t.ByHand {
		if err := t.record(ctx, db); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 4 {
				t.unlock(ctx, 0, time.Now())
			}
		})
	}
	all.Wait()
	t.list = nil
	return nil
}

// fill opens the connections of a pool, as those of a process are that has run for a while.
func fill(ctx context.Context, db *sql.DB, n int) error {
	for range n {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
	}
	return nil
}

// record records an unlock at the first site.
func (t *taps) record(ctx context.Context, db *sql.DB) (err error) {
	t.hand, err = dbtest.Record(ctx, dbtest.Parse(t.Database), db, siteName(0), func(s *sqlstore.Store) (string, error) {
		g, err := t.gate(s, 0)
		if err != nil {
			return "", err
		}
		tap, _ := t.new("hand", 0)
		r, err := g.Unlock(ctx, tap)
		if err == nil && r.Outcome != gate.Accepted {
			err = fmt.Errorf("the unlock to record was %s: %w", r.Outcome, r.Err)
		}
		return tap.RequestID, err
	})
	return err
}

func (t *taps) tap(ctx context.Context) {
	var all sync.WaitGroup
	for range t.Taps {
		all.Go(func() { t.unlock(ctx, 0, time.Now()) })
	}
	until := time.Now().Add(time.Duration(t.Seconds) * time.Second)
	more := func() bool { return time.Now().Before(until) }
	if t.Count > 0 {
		more = func() bool { return t.begun.Add(1) <= int64(t.Count) }
	}
	for i := range t.Goroutines {
		all.Go(func() {
			for site := i; more(); site++ {
				if t.From > 0 {
					site = 0
				}
				t.unlock(ctx, site%t.Sites, time.Now())
			}
		})
	}
	paced := max(0, t.Sites-t.From) * t.Paced
	for i := range paced {
		all.Go(func() {
			due := time.Now().Add(time.Duration(i) * t.Every / time.Duration(paced))
			for ; due.Before(until); due = due.Add(t.Every) {
				time.Sleep(time.Until(due))
				t.unlock(ctx, t.From+i/t.Paced, due)
			}
		})
	}
	all.Wait()
}

// new returns a tap of the next member of a site, and how many taps of all processes
// at this site may precede it.
func (t *taps) new(name string, site int) (tap gate.Tap, before int) {
	members := t.Members
	if site > 0 {
		members = otherMembers
	}
	n := int(t.next[site].Add(1))
	before = n*t.Processes + t.Process
	return gate.Tap{RequestID: fmt.Sprintf("%s-%04d-%04d-%08d", name, t.ID, site, n), Door: "front", TappedAt: time.Now(),
		Member: fmt.Sprintf("m%d", before%members)}, before
}

type requestKey struct{}

// unlock taps once; start is the instant from which the answer is awaited.
func (t *taps) unlock(ctx context.Context, site int, start time.Time) {
	var a answer
	if t.ByHand {
		tap, before := t.new("load", site)
		a = answer{Request: tap.RequestID, Outcome: gate.Accepted, Recorded: true}
		// No two replays of any process are at one instant, or they would share a command.
		later := time.Duration(t.ID*1_000_000+before) * 10 * time.Second
		err := t.hand.Run(ctx, siteName(site+t.Site), tap.RequestID, 0, later, func() { time.Sleep(t.Cloud) })
		if err != nil {
			a.Outcome, a.Err = gate.NotSent, err.Error()
		}
	} else {
		tap, _ := t.new("load", site)
		move := movement{Request: tap.RequestID, Site: siteName(site), Member: tap.Member}
		r, err := t.gates[site].Unlock(context.WithValue(ctx, requestKey{}, move), tap)
		a = answer{Request: tap.RequestID, Outcome: r.Outcome, Cause: r.Cause, Recorded: r.Recorded, Shared: r.Shared}
		if err := errors.Join(err, r.Err); err != nil {
			a.Err = err.Error()
		}
	}
	a.Site, a.Process, a.Start, a.Took = site, t.Process, start, time.Since(start)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, a)
}
