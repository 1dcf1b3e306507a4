//go:build unix

// Command fleet runs a host with 50 sites in four processes on one PostgreSQL, against a
// simulated SALTO KS. The processes share one consent with its rotating tokens, the
// journal and the load. While members are unlocking doors, the process that does the
// periodic jobs is killed, and the members' apps retry their taps with another one. At the
// end the program checks that no tap moved a door twice and that every movement is
// recorded.
//
//	go run ./examples/fleet
//	go run ./examples/fleet -postgres "host=db user=... dbname=..."
//
// Without -postgres it starts a temporary PostgreSQL server.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
	_ "time/tzdata" // the sites' zones, wherever this runs

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func main() {
	postgres := flag.String("postgres", "", "DSN of an empty database (default: a temporary server)")
	sites := flag.Int("sites", 50, "number of sites")
	span := flag.Duration("for", 6*time.Second, "how long members tap")
	worker := flag.Bool("worker", false, "run as one of the processes (internal)")
	flag.Parse()
	run := func(ctx context.Context) error { return host(ctx, *postgres, *sites, *span) }
	if *worker {
		run = serve
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// host sets up the sites, starts the processes, runs the load and checks the result.
func host(ctx context.Context, dsn string, n int, span time.Duration) error {
	if dsn == "" {
		server, err := pgserver.Start(ctx)
		if err != nil {
			return err
		}
		defer server.Close()
		dsn = server.DSN("postgres")
	}
	sim, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{
		World: newWorld(n), MaxRequests: 1_000_000,
		Switches: saltokstest.Switches{AccessLifetime: 4 * time.Second}, // short, so that tokens rotate during the run
	})
	if err != nil {
		return err
	}
	defer sim.Close(context.WithoutCancel(ctx))

	began := time.Now()
	f, err := setUp(ctx, dsn, sim)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	fmt.Printf("%d sites set up, one consent, %d IQs activated\n", len(f.config.Sites), f.activated)
	sim.ForgetRequests()

	var fleet []*process
	jobs := &watch{seen: make(chan run, 1)}
	defer func() {
		for _, p := range fleet {
			p.stop()
		}
	}()
	for range 4 {
		p, err := startProcess(f.config, jobs)
		if err != nil {
			return err
		}
		fleet = append(fleet, p)
	}
	fmt.Printf("%d processes started\n", len(fleet))

	var killed time.Time
	stats := load(ctx, fleet, f.config, span, func() {
		leader := jobs.last.Load()
		if leader == nil {
			return
		}
		leader.kill()
		killed = time.Now()
		fmt.Printf("process %d, which does the jobs, killed while members are unlocking doors\n", 1+slices.Index(fleet, leader))
	})
	if killed.IsZero() {
		return errors.New("no process ran the job while members were unlocking doors")
	}
	if err := waitForRun(jobs.seen, killed); err != nil {
		return err
	}
	for _, p := range fleet {
		p.stop()
	}
	fmt.Printf("%d taps in %v, %d retried with another process: %v\n", stats.taps, span, stats.retries, stats.outcomes)
	if err := f.audit(ctx, sim, stats); err != nil {
		return err
	}
	if err := auditRuns(fleet, killed); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "took %v\n", time.Since(began).Round(time.Second))
	return nil
}

// newWorld returns n sites with one IQ and one lock each. Every fifth IQ requires a
// one-time code with each command.
func newWorld(n int) saltokstest.World {
	world := saltokstest.DefaultWorld()
	world.Sites = nil
	for i := range n {
		world.Sites = append(world.Sites, saltokstest.Site{
			Name: fmt.Sprintf("House %02d", i+1), UID: fmt.Sprintf("NL%010d", i+1), TimeZone: "Europe/Amsterdam", Seats: 10,
			IQs:   []saltokstest.IQ{{Name: fmt.Sprintf("IQ %02d", i+1), WithoutOTP: i%5 != 0}},
			Locks: []saltokstest.Lock{{Name: "Entrance"}},
		})
	}
	return world
}

// process is one process of the fleet.
type process struct {
	cmd  *exec.Cmd
	in   interface{ Close() error }
	url  string
	runs chan []run // the runs of "recover", once the process has ended
}

// startProcess starts a process, sends it the configuration and waits until it serves.
func startProcess(c config, jobs *watch) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, "-worker")}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(in).Encode(c); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, errors.New("a process did not start")
	}
	p.url, p.runs = lines.Text(), make(chan []run, 1)
	go func() { p.runs <- p.readRuns(lines, jobs) }()
	return p, nil
}

// kill ends the process at once, as a power failure does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it has already ended
}

// stop ends the process after the requests in progress.
func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // an error for the process that was killed
}
