//go:build unix

package dbtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// childSuspend stops itself at one step of an unlock, until it is continued, and prints
// the receipt.
func childSuspend(ctx context.Context, job task) error {
	d := Parse(job.Database)
	var steps *stepped
	db, err := d.OpenHooked(func(step Step) error {
		if step.What == "commit" && !step.Done && steps != nil {
			steps.step("in a transaction")
		}
		return nil
	})
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: d.Dialect})
	if err != nil {
		return err
	}
	g, steps, err := steppedGate(store, doors{path: job.Doors}, new(atomic.Int64))
	if err != nil {
		return err
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	steps.next(func(step string) {
		if step == job.StopAt {
			fmt.Println("stopping")
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-continued
		}
	})
	r, err := g.Unlock(ctx, job.Tap)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// suspended is a process that stopped itself in the middle of an unlock.
type suspended struct {
	name  string
	p     *process
	tap   gate.Tap
	began time.Time
	opens bool // whether the door must move
}

// suspend starts a process that taps and stops at a step, and waits until it has stopped.
// The tap may be sent for the given time.
func (s *scene) suspend(n int, at string, left time.Duration) suspended {
	s.Helper()
	job := s.task("suspend")
	job.StopAt = at
	job.Tap = tap(n)
	job.Tap.TappedAt = job.Tap.TappedAt.Add(left - gate.SendWithin)
	began := time.Now()
	p := start(s.T, job)
	if text := p.line(s.T); text != "stopping" {
		s.Fatalf("%s: it did not stop: %s", at, text)
	}
	for { // a process that prints may not have stopped yet
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || !status.Stopped() {
			s.Fatalf("%s: it ended: %v, %v", at, status, err)
		}
		break
	}
	return suspended{name: at, p: p, tap: job.Tap, began: began}
}

// resume continues the process, which must send nothing late. Its receipt, which is
// returned, and the journal must agree.
func (s *scene) resume(x suspended) gate.Receipt {
	s.Helper()
	must(s.T, x.p.cmd.Process.Signal(syscall.SIGCONT))
	var r gate.Receipt
	must(s.T, json.Unmarshal([]byte(x.p.line(s.T)), &r))
	x.p.wait(s.T)
	if x.opens && x.readLate(r) { // what another process did is not in its receipt: the host asks again
		var err error
		r, err = s.gate(0).Unlock(s.Context(), x.tap)
		must(s.T, err)
	}
	now, err := s.gate(0).Receipt(s.Context(), x.tap.Member, x.tap.RequestID)
	agree := err == nil && now.Outcome == r.Outcome && now.Cause == r.Cause && now.LogRow == r.LogRow
	switch {
	case r.Recorded:
	case r.Outcome == storage.NotSent: // its time was over, and nothing is in the journal
		agree = errors.Is(err, storage.ErrNotFound) || x.claimedLate(r, now)
	default: // it opened the door, and its time for recording that was over: perhaps it is recorded
		agree = r.Outcome == storage.Accepted && err == nil && (now.Outcome == storage.Unconfirmed || now.Outcome == storage.Accepted)
	}
	if !agree {
		s.Errorf("%s: the receipt says %s %s, row %d, recorded %t, the journal %s %s, row %d, %v", x.name, r.Outcome, r.Cause, r.LogRow,
			r.Recorded, now.Outcome, now.Cause, now.LogRow, err)
	}
	if r.Opened() != x.opens || r.Message() == "" {
		s.Errorf("%s: %s %s %q, want it to open: %t", x.name, r.Outcome, r.Cause, r.Message(), x.opens)
	}
	return r
}

// readLate reports whether the process stopped before its reads had ended, for longer than
// they may take: its receipt reports it. On a busy machine the first processes wait that long
// for the last ones to stop.
func (x suspended) readLate(r gate.Receipt) bool {
	reads := stepNames()[:slices.Index(stepNames(), "before Begin")]
	return slices.Contains(reads, x.name) && time.Since(x.began) > gate.SendWithin &&
		r.Outcome == storage.NotSent && r.Cause == gate.CauseStoreUnavailable && !r.Recorded && r.Message() != ""
}

// claimedLate reports whether the claim was committed and its answer came after its time:
// nothing was sent, and the claim was released, or waits for Recover. A process that
// stopped before its claim was committed may do so: when it continues, it may send the
// commit before its timers fire.
func (x suspended) claimedLate(r, now gate.Receipt) bool {
	early := x.name == "before Begin" || x.name == "in a transaction"
	return early && r.Outcome == storage.NotSent && r.Cause == gate.CauseStoreUnavailable &&
		(now.Cause == gate.CauseStillSending || now.Outcome == storage.NotSent && now.Cause == r.Cause)
}

// recovered requires, after Recover, that the journal agrees with the receipt, or that
// it is Unconfirmed, and that no door moved for a receipt with NotSent.
func (s *scene) recovered(x suspended, r gate.Receipt) {
	s.Helper()
	now, err := s.gate(0).Receipt(s.Context(), x.tap.Member, x.tap.RequestID)
	agree := err == nil && now.Outcome == r.Outcome && now.Cause == r.Cause
	if !r.Recorded {
		agree = agree || err == nil && now.Outcome == storage.Unconfirmed && now.Cause == gate.CauseInterrupted ||
			errors.Is(err, storage.ErrNotFound) && r.Outcome == storage.NotSent
	}
	moved := s.movements()[x.tap.TappedAt.Truncate(time.Microsecond).Add(gate.SendWithin).UTC().Format(time.RFC3339Nano)]
	want := 0
	if r.Opened() {
		want = 1
	}
	if !agree || moved != want {
		s.Errorf("%s: the receipt says %s %s, recorded %t; the door moved %d times, and after Recover the journal says %s %s, %v", x.name,
			r.Outcome, r.Cause, r.Recorded, moved, now.Outcome, now.Cause, err)
	}
}

// suspendedAtEachStep stops processes at every step of an unlock until their taps may not
// be sent any more, and for the given time. Meanwhile another process does something.
func suspendedAtEachStep(t *testing.T, d Database, left, atLeast time.Duration, meanwhile func(s *scene, tap gate.Tap) bool,
	afterwards func(s *scene)) {
	s := newScene(t, d)
	var all []suspended
	for i, at := range stepNames() {
		x := s.suspend(i, at, left)
		x.opens = meanwhile(s, x.tap) || i >= slices.Index(stepNames(), "after Move")
		all = append(all, x)
	}
	last := all[len(all)-1].tap.TappedAt.Add(gate.SendWithin)
	select {
	case <-time.After(max(time.Until(last), atLeast)):
	case <-t.Context().Done():
	}
	afterwards(s)
	receipts := make([]gate.Receipt, len(all))
	for i, x := range all {
		receipts[i] = s.resume(x)
	}
	s.checkGuarantees()
	for i, x := range all {
		s.recovered(x, receipts[i])
	}
}

func TestSuspendedAtEachStep(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits until taps may not be sent any more")
	}
	const left = 4 * time.Second
	nothing := func(*scene) {}
	for _, c := range []struct {
		name       string
		meanwhile  func(s *scene, tap gate.Tap) (opened bool)
		afterwards func(s *scene)
	}{
		{"and nothing else happens", func(*scene, gate.Tap) bool { return false }, nothing},
		{"and the request is repeated in another process", func(s *scene, tap gate.Tap) bool {
			ctx, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
			defer cancel()
			r, _ := s.gate(0).Unlock(ctx, tap) // it waits for the outcome of a command that is being sent
			return r.Opened()
		}, nothing},
		{"and another process recovers", func(*scene, gate.Tap) bool { return false }, func(s *scene) {
			_, err := s.gate(time.Minute).Recover(s.Context())
			must(s.T, err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			Both(t, func(t *testing.T, d Database) {
				t.Parallel()
				suspendedAtEachStep(t, d, left, 0, c.meanwhile, c.afterwards)
			})
		})
	}
}

// TestSuspendedFor30Seconds stops processes for longer than any limit of an unlock, by the
// clock that they and the others have.
func TestSuspendedFor30Seconds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes 35 seconds")
	}
	Both(t, func(t *testing.T, d Database) {
		t.Parallel()
		suspendedAtEachStep(t, d, 4*time.Second, 35*time.Second, func(*scene, gate.Tap) bool { return false }, func(s *scene) {
			// From "after Begin" to "before Settle" there is a claim without an outcome.
			if n, err := s.gate(0).Recover(s.Context()); err != nil || n != 4 {
				t.Errorf("Recover settled %d commands, %v", n, err)
			}
		})
	})
}

// TestSuspendedInTransaction stops a process in the transaction of its claim. SQLite has
// one writer: until the process continues, others get no answer from the database.
func TestSuspendedInTransaction(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a lock for 5 s")
	}
	s := newScene(t, SQLite(t))
	x := s.suspend(1, "in a transaction", 4*time.Second)
	r, err := s.gate(0).Unlock(t.Context(), tap(2))
	must(t, err)
	if r.Outcome != storage.NotSent || r.Message() == "" || !errors.Is(r.Err, storage.ErrUnavailable) {
		t.Errorf("another member meanwhile: %s %s, %v", r.Outcome, r.Cause, r.Err)
	}
	r = s.resume(x)
	s.works(3)
	s.checkGuarantees()
	s.recovered(x, r)
}
