//go:build unix

package main

import (
	"bytes"
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
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/dbtest"
)

// jobVariable names the environment variable that makes a process a worker.
const jobVariable = "DOORKIT_LOAD_JOB"

// job is what one process does.
type job struct {
	ID, Process, Processes int
	DSN, Direct            string // the database with and without the added round trip
	Results, Moves         string // files
	Members, Sites         int
	Cloud, SiteEvery       time.Duration

	Taps       int // one from each of that many goroutines, or:
	Goroutines int // which tap at the first site, one tap after the other
	Others     bool
	Seconds    int
}

// answer is one receipt.
type answer struct {
	Site     int
	Process  int
	Outcome  gate.Outcome
	Cause    gate.Cause
	Err      string
	Recorded bool
	Start    time.Time
	Took     time.Duration
}

// movement is one command, as the lock system received it.
type movement struct {
	Request string
	Site    string
	Member  string
	At      time.Time
	SendBy  time.Time
	// NoAttempt is true if the attempt row was looked for and was not there.
	NoAttempt bool
}

// taps is the state of one process.
type taps struct {
	job
	gates []*gate.Gate
	moves *os.File
	check *sql.DB // of its own, so that looking for attempt rows does not use the pool
	moved atomic.Int64
	next  atomic.Int64
	mu    sync.Mutex
	list  []answer
}

func (j job) run(ctx context.Context) error {
	d := dbtest.Database{Dialect: sqlstore.PostgreSQL, DSN: j.DSN}
	store, db, err := d.OpenStore(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	t := &taps{job: j}
	if t.moves, err = os.OpenFile(j.Moves, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	defer t.moves.Close()
	if t.check, err = sql.Open("pgx", j.Direct); err != nil {
		return err
	}
	defer t.check.Close()
	t.check.SetMaxOpenConns(1)
	for i := range j.Sites {
		g, err := gate.New(gate.Config{Site: siteName(i), Facts: store, Records: store, Locks: t, CheckIns: gate.EveryUnlock})
		if err != nil {
			return err
		}
		t.gates = append(t.gates, g)
	}
	if err := errors.Join(fill(ctx, db, 16), fill(ctx, t.check, 1)); err != nil {
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

func (t *taps) tap(ctx context.Context) {
	var all sync.WaitGroup
	for range t.Taps {
		all.Go(func() { t.unlock(ctx, 0, time.Now()) })
	}
	until := time.Now().Add(time.Duration(t.Seconds) * time.Second)
	for range t.Goroutines {
		all.Go(func() {
			for time.Now().Before(until) {
				t.unlock(ctx, 0, time.Now())
			}
		})
	}
	if t.Others {
		for site := 1; site < t.Sites; site++ {
			all.Go(func() {
				due := time.Now().Add(time.Duration(site) * t.SiteEvery / time.Duration(t.Sites))
				for ; due.Before(until); due = due.Add(t.SiteEvery) {
					time.Sleep(time.Until(due))
					t.unlock(ctx, site, due)
				}
			})
		}
	}
	all.Wait()
}

type requestKey struct{}

// unlock taps once; start is the instant from which the answer is awaited.
func (t *taps) unlock(ctx context.Context, site int, start time.Time) {
	n := int(t.next.Add(1))
	members := t.Members
	if site > 0 {
		members = 100
	}
	tap := gate.Tap{RequestID: fmt.Sprintf("load-%04d-%010d", t.ID, n), Door: "front", TappedAt: time.Now(),
		Member: fmt.Sprintf("m%d", (n*t.Processes+t.Process)%members)}
	move := movement{Request: tap.RequestID, Site: siteName(site), Member: tap.Member}
	r, err := t.gates[site].Unlock(context.WithValue(ctx, requestKey{}, move), tap)
	a := answer{Site: site, Process: t.Process, Outcome: r.Outcome, Cause: r.Cause, Recorded: r.Recorded, Start: start,
		Took: time.Since(start)}
	if err := errors.Join(err, r.Err); err != nil {
		a.Err = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, a)
}

// Move implements gate.LockDriver: it writes the command to a file, which survives the
// process, and answers after the time of the lock system.
func (t *taps) Move(ctx context.Context, c gate.Command) gate.Result {
	m, _ := ctx.Value(requestKey{}).(movement)
	if t.moved.Add(1)%10 == 0 { // a sample, because looking is itself load
		var outcome string
		err := t.check.QueryRowContext(ctx, `SELECT outcome FROM doorkit_log WHERE site = $1 AND seq =
			(SELECT seq FROM doorkit_journal WHERE site = $1 AND member = $2 AND request_id = $3)`, m.Site, m.Member, m.Request).Scan(&outcome)
		m.NoAttempt = err != nil || outcome != string(storage.Sending)
	}
	if c.Left() <= 0 {
		return gate.Result{Outcome: storage.NotSent, Cause: gate.CauseDeadline}
	}
	m.At, m.SendBy = time.Now(), c.SendBy
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(m); err != nil {
		return gate.Result{Outcome: storage.NotSent, Cause: gate.CauseInternal, Err: err}
	}
	if _, err := t.moves.Write(line.Bytes()); err != nil {
		return gate.Result{Outcome: storage.Unconfirmed, Err: err}
	}
	if t.Cloud > 0 {
		time.Sleep(t.Cloud)
	}
	return gate.Result{Outcome: storage.Accepted}
}
