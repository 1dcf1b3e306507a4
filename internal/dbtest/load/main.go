//go:build unix

// Command load measures a gate under load on a PostgreSQL server of its own, and counts
// in each run whether its guarantees hold: no request moves a door twice, no command is
// late, each command has its attempt row, and every chain verifies. It writes Markdown
// rows for docs/scale.md and stops by itself.
//
//	go run ./internal/dbtest/load -case burst
//
// The cases are burst (many taps at one site at one instant), frozen (a process that is
// stopped by SIGSTOP), hot (one busy site beside many others) and rate (one site, with
// an added round trip). The process ends with status 1 if a guarantee did not hold.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// settings are the flags.
type settings struct {
	Case       string
	Processes  int
	Taps       int // of each process, in a burst
	Goroutines int
	Sites      int
	Members    int // of the first site
	Seconds    int
	RoundTrip  time.Duration
	Cloud      time.Duration
	SiteEvery  time.Duration // between two taps at each of the other sites
}

func main() {
	if text := os.Getenv(jobVariable); text != "" {
		var j job
		err := json.Unmarshal([]byte(text), &j)
		if err == nil {
			err = j.run(context.Background())
		}
		exit(err)
	}
	var s settings
	flag.StringVar(&s.Case, "case", "burst", "burst, frozen, hot or rate")
	flag.IntVar(&s.Processes, "processes", 4, "processes that tap")
	flag.IntVar(&s.Taps, "taps", 500, "taps of each process in a burst")
	flag.IntVar(&s.Goroutines, "goroutines", 16, "goroutines of each process at the first site (hot: 64 is usual)")
	flag.IntVar(&s.Sites, "sites", 100, "sites of the case hot")
	flag.IntVar(&s.Members, "members", 4000, "members of the first site")
	flag.IntVar(&s.Seconds, "seconds", 20, "length of a run, and of a freeze")
	flag.DurationVar(&s.RoundTrip, "rtt", 0, "round trip added between the processes and the server")
	flag.DurationVar(&s.Cloud, "cloud", 0, "how long the lock system takes to answer")
	flag.DurationVar(&s.SiteEvery, "every", 2*time.Second, "pause between taps at each of the other sites")
	flag.Parse()
	exit(s.run(context.Background()))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures one case on a new server.
func (s settings) run(ctx context.Context) error {
	measure := map[string]func(context.Context, *world) error{"burst": burst, "frozen": frozen, "hot": hot, "rate": rate}[s.Case]
	if measure == nil {
		return fmt.Errorf("load: no case %q", s.Case)
	}
	if s.Case != "hot" {
		s.Sites = 1
	}
	server, err := pgserver.Start(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	w, err := build(ctx, s, server.DSN("postgres"))
	if err != nil {
		return err
	}
	defer w.close()
	if err := measure(ctx, w); err != nil {
		return err
	}
	return w.check(ctx)
}
