//go:build unix

// Command mutate measures whether the tests of the packages between a tap and a lock
// notice a fault: it changes a condition, a constant, a result or a statement, one at a
// time, and runs the tests that execute it.
//
//	go run ./internal/mutate                                  # in the root: 200 mutants of each package
//	go run ./internal/mutate -packages access/gate -n 30      # 30 of one package
//	go run ./internal/mutate -packages access/gate -list      # every mutant of it
//	go run ./internal/mutate -packages access/gate -only 'Gate.Unlock'
//
// All mutants of a package are compiled into one test binary; an environment variable
// selects one. Each top-level test runs once alone to record which mutants it reaches.
// A sampled mutant then runs the tests that reach it, first those that killed most per
// second. It is killed if one fails, panics or exceeds five times its usual duration and
// ten seconds. The second column of suites runs only for mutants that survive the first.
//
// The program prints each survivor with its line, its function and the change, and a
// table, and ends with status 1 if the tests kill less than 90 percent in a package.
// The sample depends on the seed and on the mutants themselves, not on their lines: a
// change of the code leaves most of the sample as it was.
//
// equivalent.txt lists the mutants whose change has no effect that matters, with the
// reason. They are not run and do not count. Not mutated: texts with a space or a percent
// sign, arguments of log and error calls, capacities, locks of a mutex, and context
// cancellations.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const required = 90 // percent of the counted mutants that must be killed

func main() {
	o := options{suites: suites, root: "."}
	flag.IntVar(&o.n, "n", 200, "how many mutants of each package")
	flag.Uint64Var(&o.seed, "seed", 1, "selects another sample")
	flag.StringVar(&o.packages, "packages", "", "the folders of the packages, separated by commas; default all")
	flag.BoolVar(&o.list, "list", false, "print every mutant and run none")
	flag.StringVar(&o.only, "only", "", "only mutants whose line of output contains this text")
	flag.BoolVar(&o.first, "first", false, "without the suites that run for survivors only")
	flag.DurationVar(&o.within, "within", 0, "the usual time of the tests of a mutant together; those that kill least per second are left out")
	flag.BoolVar(&o.verbose, "v", false, "print each mutant with the test that kills it, and what survives the first suites")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Stdout, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

type options struct {
	suites        []suite
	root          string // of the repository
	n             int
	seed          uint64
	packages      string
	list, verbose bool
	only          string
	first         bool
	within        time.Duration // 0 is no limit
}

var errBelow = fmt.Errorf("the tests kill less than %d %% of the mutants of a package", required)

func run(ctx context.Context, w io.Writer, o options) error {
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	temp, err := os.MkdirTemp(ramDisk(), "mut")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil { // the user of PostgreSQL reaches what is in it
		return err
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	known, err := readEquivalent(filepath.Join(root, "internal/mutate/equivalent.txt"))
	if err != nil {
		return err
	}
	r := &runner{root: root, scratch: scratch, temp: temp, within: o.within}
	defer r.close()
	var rows []row
	for _, s := range o.suites {
		if o.packages != "" && !slices.Contains(strings.Split(o.packages, ","), s.dir) {
			continue
		}
		row, err := r.mutate(ctx, w, o, s, known)
		if err != nil {
			return fmt.Errorf("%s: %w", s.dir, err)
		}
		rows = append(rows, row)
	}
	switch {
	case len(rows) == 0:
		return errors.New("no such package in the table of suites")
	case o.list:
		return nil
	}
	return summary(w, rows)
}

// mutate measures one package.
func (r *runner) mutate(ctx context.Context, w io.Writer, o options, s suite, known map[string]string) (row, error) {
	p, err := instrument(r.root, s.dir)
	if err != nil {
		return row{}, err
	}
	for key := range known {
		if file, _, _ := strings.Cut(key, " "); filepath.ToSlash(filepath.Dir(file)) == s.dir && !p.has(key) {
			fmt.Fprintf(w, "%s: matches no mutant, remove it from equivalent.txt\n", key)
		}
	}
	if o.list {
		for _, m := range p.mutants {
			fmt.Fprintln(w, m)
		}
		return row{}, nil
	}
	t := &tally{w: w, verbose: o.verbose, row: row{dir: s.dir}}
	var open []*mutant
	for _, m := range p.sample(o) {
		t.sampled++
		if known[m.key()] != "" {
			t.equivalent++
			continue
		}
		open = append(open, m)
	}
	for i, dirs := range [][]string{s.first, s.second} {
		if len(dirs) == 0 || len(open) == 0 || i == 1 && o.first {
			continue
		}
		if i == 1 && o.verbose {
			for _, m := range open {
				fmt.Fprintf(w, "survived its own tests: %s\n", m)
			}
		}
		if open, err = r.testMutants(ctx, p, dirs, open, t); err != nil {
			return row{}, err
		}
	}
	t.survivors(open)
	return t.row, nil
}

// ramDisk returns a folder with room where syncing a database costs nothing, "" if there
// is none.
func ramDisk() string {
	const dir, room = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > room {
		return dir
	}
	return ""
}
