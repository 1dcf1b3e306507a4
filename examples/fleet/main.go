//go:build unix

// Command fleet runs a host with 50 sites on four processes and one PostgreSQL,
// against a simulated SALTO KS: they share one consent with its rotating tokens,
// the journal and the load. While members are unlocking, one process is killed;
// its members' apps try the same taps again at another one. At the end the books
// are checked: no tap moved a door twice, and every movement has its row.
//
//	go run ./examples/fleet
//	go run ./examples/fleet -postgres "host=db user=... dbname=..."
//
// Without -postgres it starts a server of its own for as long as it runs.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"
	_ "time/tzdata" // the sites' zones, wherever this runs

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func main() {
	postgres := flag.String("postgres", "", "the DSN of an empty database; empty starts a server")
	sites := flag.Int("sites", 50, "how many sites")
	span := flag.Duration("for", 6*time.Second, "how long members tap")
	worker := flag.Bool("worker", false, "be one of the processes: the host starts these itself")
	flag.Parse()
	run := func(ctx context.Context) error { return host(ctx, *postgres, *sites, *span) }
	if *worker {
		run = work
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// host sets everything up, lets it run and checks the books.
func host(ctx context.Context, dsn string, n int, span time.Duration) error {
	if dsn == "" {
		server, err := pgserver.Start(ctx)
		if err != nil {
			return err
		}
		defer server.Close()
		dsn = server.DSN("postgres")
	}
	world := saltokstest.DefaultWorld()
	world.Sites = nil
	for i := range n {
		world.Sites = append(world.Sites, saltokstest.Site{
			Name: fmt.Sprintf("House %02d", i+1), UID: fmt.Sprintf("NL%010d", i+1), TimeZone: "Europe/Amsterdam", Seats: 10,
			// Every fifth IQ wants a one-time code with each command.
			IQs:   []saltokstest.IQ{{Name: fmt.Sprintf("IQ %02d", i+1), WithoutOTP: i%5 != 0}},
			Locks: []saltokstest.Lock{{Name: "Entrance"}},
		})
	}
	sim, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{
		World: world, MaxRequests: 1_000_000,
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
	defer func() {
		for _, p := range fleet {
			p.stop()
		}
	}()
	for range 4 {
		p, err := start(f.config)
		if err != nil {
			return err
		}
		fleet = append(fleet, p)
	}
	fmt.Printf("%d processes serve\n", len(fleet))

	stats := load(ctx, fleet, f.config, span, func() {
		fleet[1].kill()
		fmt.Println("process 2 killed while members are unlocking")
	})
	for _, p := range fleet {
		p.stop()
	}
	fmt.Printf("%d taps in %v, %d tried again at another process: %v\n", stats.taps, span, stats.again, stats.outcomes)
	if err := f.audit(ctx, sim, stats); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "took %v\n", time.Since(began).Round(time.Second))
	return nil
}

// process is one of the fleet.
type process struct {
	cmd *exec.Cmd
	in  interface{ Close() error }
	url string
}

// start starts a process, hands it the configuration and waits until it serves.
func start(c config) (*process, error) {
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
	if p.url, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, fmt.Errorf("a process did not start: %w", err)
	}
	p.url = p.url[:len(p.url)-1]
	return p, nil
}

// kill ends it as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it ended before
}

// stop lets it finish what it is doing.
func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // one of them was killed
}
