//go:build unix

package dbtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// childTask names the variable that makes a process of the test binary a child.
const childTask = "DOORKIT_DBTEST_TASK"

// task is what a child is to do.
type task struct {
	Kind     string
	Database string
	Doors    string // the file that counts movements
	Tap      gate.Tap
	KillAt   int // the step at which it kills itself; 0 is never
	StopAt   string
	Prefix   string
	First    int // the first member who taps
	OAuth    oauth
}

// children are the tasks by kind. A task that prints lines is read by process.line.
var children = map[string]func(context.Context, task) error{
	"unlock":  childUnlock,
	"crowd":   childCrowd,
	"busy":    childBusy,
	"ingest":  childIngest,
	"tokens":  childTokens,
	"migrate": childMigrate,
	"suspend": childSuspend,
}

// runChild does the task in the environment and ends the process; it returns if
// there is none.
func runChild() {
	text := os.Getenv(childTask)
	if text == "" {
		return
	}
	var job task
	err := json.Unmarshal([]byte(text), &job)
	if err == nil {
		err = children[job.Kind](context.Background(), job)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is a child.
type process struct {
	cmd   *exec.Cmd
	in    io.Closer
	lines *bufio.Scanner
	errs  bytes.Buffer
}

// start starts a child; it is killed when the test ends.
func start(t *testing.T, job task) *process {
	t.Helper()
	text, err := json.Marshal(job)
	must(t, err)
	p := &process{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	p.cmd.Env = append(os.Environ(), childTask+"="+string(text))
	p.cmd.Stderr = &p.errs
	in, err := p.cmd.StdinPipe()
	must(t, err)
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.in, p.lines = in, bufio.NewScanner(out)
	must(t, p.cmd.Start())
	t.Cleanup(func() { p.kill() })
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it ended before
	_ = p.cmd.Wait()
}

// wait returns whether the child was killed; a failure ends the test.
func (p *process) wait(t *testing.T) (killed bool) {
	t.Helper()
	err := p.cmd.Wait()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("a child failed: %v: %s", err, p.errs.String())
	}
	return false
}

// line returns the next line of the child's.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		_ = p.cmd.Wait()
		t.Fatalf("a child ended early: %s", p.errs.String())
	}
	return p.lines.Text()
}

// stepper counts steps and kills the process at one of them. It is off until it
// is switched on, so that opening the database does not count.
type stepper struct {
	mu     sync.Mutex
	on     bool
	n      int
	killAt int
}

func (s *stepper) step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on {
		return
	}
	if s.n++; s.n == s.killAt {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it takes a moment
	}
}

// doors moves no lock but appends each command to a file of records: one write each,
// which outlives the process like a bolt that moved. What it writes is the instant until
// which the command may be sent, which is another one for every tap here, and the instant
// of the movement.
type doors struct {
	path string
	s    *stepper
}

func (d doors) Move(_ context.Context, c gate.Command) gate.Result {
	if d.s != nil {
		d.s.step()
	}
	if c.Left() <= 0 {
		return gate.Result{Outcome: storage.NotSent, Cause: gate.CauseDeadline}
	}
	if err := appendRecord(d.path, c.SendBy.UTC().Format(time.RFC3339Nano)+" "+time.Now().UTC().Format(time.RFC3339Nano)); err != nil {
		return gate.Result{Outcome: storage.Unconfirmed, Err: err}
	}
	if d.s != nil {
		d.s.step()
	}
	return gate.Result{Outcome: storage.Accepted}
}

// openGate opens the store behind a stepper and puts a gate on it.
func openGate(ctx context.Context, job task, s *stepper) (*gate.Gate, *sqlstore.Store, error) {
	d := Parse(job.Database)
	db, err := d.OpenHooked(func(Step) error { s.step(); return nil })
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: d.Dialect})
	if err != nil {
		return nil, nil, err
	}
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{job.Doors, s}, CheckIns: gate.EveryUnlock})
	return g, store, err
}

// childUnlock does one unlock, and is killed at a step of it.
func childUnlock(ctx context.Context, job task) error {
	s := &stepper{killAt: job.KillAt}
	g, _, err := openGate(ctx, job, s)
	if err != nil {
		return err
	}
	s.on = true
	r, err := g.Unlock(ctx, job.Tap)
	s.on = false
	if err != nil || r.Outcome != storage.Accepted || !r.Recorded {
		return fmt.Errorf("%+v: %w", r, err)
	}
	return nil
}

// childCrowd taps once from 16 goroutines when its input is closed.
func childCrowd(ctx context.Context, job task) error {
	g, _, err := openGate(ctx, job, &stepper{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	var all sync.WaitGroup
	receipts := make([]string, 16)
	for i := range receipts {
		all.Go(func() {
			r, err := g.Unlock(ctx, job.Tap)
			receipts[i] = fmt.Sprintf("%s recorded=%t row=%d err=%v/%v", r.Outcome, r.Recorded, r.LogRow, r.Err, err)
		})
	}
	all.Wait()
	for _, r := range receipts {
		fmt.Println(r)
	}
	return nil
}

// childBusy unlocks as fast as it can from four goroutines, until it is killed.
func childBusy(ctx context.Context, job task) error {
	g, _, err := openGate(ctx, job, &stepper{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				// No two taps are at one instant, which identifies movements.
				at := time.Now().Truncate(10 * time.Microsecond).Add(time.Duration(i) * time.Microsecond)
				tap := gate.Tap{RequestID: fmt.Sprintf("%s-%d-%08d", job.Prefix, i, n), Member: member(job.First + 4*n + i), Door: "front",
					TappedAt: at}
				if i%2 == 1 {
					tap.Door = "lab"
				}
				if r, err := g.Unlock(ctx, tap); err != nil || r.Err != nil {
					fmt.Fprintln(os.Stderr, r.Outcome, r.Err, err)
					os.Exit(1)
				}
			}
		})
	}
	all.Wait()
	return nil
}
