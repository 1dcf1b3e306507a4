//go:build unix

// Command load measures a gate under load on a PostgreSQL server of its own, and counts
// in each run whether its guarantees hold; see check. It writes Markdown tables and stops
// by itself. With -page it writes them into a page, between the marks of each case.
//
//	go run ./internal/dbtest/load -case burst
//	go run ./internal/dbtest/load -case all -page docs/scale.md
//
// The process ends with status 1 if a guarantee did not hold.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// settings are the flags; a zero is the value of the case.
type settings struct {
	Sites      int
	Members    int // of the first site; the others have 100
	Rows       int // of the log of the first site, before the case begins
	Processes  int
	Goroutines int // of each process
	Taps       int // of each process, in a burst
	Seconds    int
	RoundTrip  time.Duration
	Cloud      time.Duration
	Every      time.Duration // between two taps of a goroutine that does not tap all the time
}

// measurement is one case.
type measurement struct {
	name, about string
	usual       settings
	run         func(context.Context, *session) error
}

func cases() []measurement {
	return []measurement{
		{"throughput", "1 and 100 sites, 1 to 4 processes, with and without a cloud of 1 s", settings{Goroutines: 32, Seconds: 2}, throughput},
		{"burst", "all processes tap at one site at one instant", settings{Processes: 4, Taps: 500}, burst},
		{"frozen", "one process is stopped by SIGSTOP", settings{Processes: 4, Goroutines: 16, Seconds: 15}, frozen},
		{"killed", "one process is killed in the middle",
			settings{Processes: 4, Goroutines: 16, Seconds: 6, Cloud: 50 * time.Millisecond}, killed},
		{"restart", "the server is stopped at once and starts again", settings{Processes: 4, Goroutines: 16, Seconds: 15}, restart},
		{"hot", "one busy site beside many others",
			settings{Sites: 100, Members: 32_000, Goroutines: 64, Taps: 500, Seconds: 10, Every: 2 * time.Second}, hot},
		{"rate", "one site, with a round trip of 2.4 ms", settings{Seconds: 5, RoundTrip: 2400 * time.Microsecond}, rate},
		{"retention", "members tap while old rows are removed",
			settings{Rows: 1_000_000, Goroutines: 20, Seconds: 15, Every: time.Second}, retention},
		{"growth", "0.1, 1 and 3 million rows", settings{Rows: 3_000_000, Processes: 1, Goroutines: 8, Seconds: 4}, growth},
		{"sqlite", "one site in one file", settings{Processes: 1, Goroutines: 8, Seconds: 4}, sqlite},
		{"size", "bytes for each unlock", settings{Taps: 10_000}, size},
	}
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
	var names []string
	for _, c := range cases() {
		names = append(names, c.name+" ("+c.about+")")
	}
	name := flag.String("case", "all", "all, or one of: "+strings.Join(names, ", "))
	page := flag.String("page", "", "a page to write the tables into; none prints them alone")
	flag.IntVar(&s.Sites, "sites", 0, "sites of the case hot")
	flag.IntVar(&s.Members, "members", 0, "members of the first site")
	flag.IntVar(&s.Rows, "rows", 0, "rows of the log of the first site (retention; growth: the most)")
	flag.IntVar(&s.Processes, "processes", 0, "processes that tap")
	flag.IntVar(&s.Goroutines, "goroutines", 0, "goroutines of each process that tap")
	flag.IntVar(&s.Taps, "taps", 0, "taps of each process in a burst, or of the case size")
	flag.IntVar(&s.Seconds, "seconds", 0, "length of a run, and of a freeze")
	flag.DurationVar(&s.RoundTrip, "rtt", 0, "round trip added between the processes and the server")
	flag.DurationVar(&s.Cloud, "cloud", 0, "how long the lock system takes to answer")
	flag.DurationVar(&s.Every, "every", 0, "pause between two taps where they do not follow at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(measure(ctx, *name, s, *page))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// measure runs one case or all.
func measure(ctx context.Context, name string, given settings, page string) error {
	list := cases()
	if name != "all" {
		list = slices.DeleteFunc(list, func(c measurement) bool { return c.name != name })
	}
	if len(list) == 0 {
		return fmt.Errorf("load: no case %q", name)
	}
	server, err := pgserver.Start(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	for _, c := range list {
		s := &session{settings: given.or(c.usual), server: server}
		if err := c.run(ctx, s); err != nil {
			return fmt.Errorf("load: %s: %w", c.name, err)
		}
		s.guarantees()
		text := command(c.name) + s.out.String()
		fmt.Printf("## %s\n\n%s\n", c.name, text)
		if page != "" {
			if err := writePage(page, c.name, text); err != nil {
				return err
			}
		}
		if s.broken() {
			return fmt.Errorf("load: %s: a guarantee did not hold", c.name)
		}
	}
	return nil
}

// or returns s with the values of usual where it has none.
func (s settings) or(usual settings) settings {
	return settings{
		Sites: cmp.Or(s.Sites, usual.Sites, 1), Members: cmp.Or(s.Members, usual.Members, 4000), Rows: cmp.Or(s.Rows, usual.Rows),
		Processes: cmp.Or(s.Processes, usual.Processes), Goroutines: cmp.Or(s.Goroutines, usual.Goroutines),
		Taps: cmp.Or(s.Taps, usual.Taps), Seconds: cmp.Or(s.Seconds, usual.Seconds), RoundTrip: cmp.Or(s.RoundTrip, usual.RoundTrip),
		Cloud: cmp.Or(s.Cloud, usual.Cloud), Every: cmp.Or(s.Every, usual.Every),
	}
}

// command returns the command that measures a case with the flags of this one.
func command(name string) string {
	text := "    go run ./internal/dbtest/load -case " + name
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "case" && f.Name != "page" {
			text += " -" + f.Name + " " + f.Value.String()
		}
	})
	return text + "\n"
}
