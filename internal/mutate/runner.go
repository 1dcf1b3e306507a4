//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

const postgresVariable = "DOORKIT_TEST_POSTGRES"

// runner builds and runs test binaries.
type runner struct {
	root    string
	scratch string        // for programs
	temp    string        // for what tests write
	within  time.Duration // see options
	builds  int
	server  *pgserver.Server
	dsn     string
}

func (r *runner) close() {
	if r.server != nil {
		r.server.Close()
	}
}

// startPostgres starts one server for all runs of the database tests, unless there is
// one. Without PostgreSQL on this machine they skip what requires it.
func (r *runner) startPostgres(ctx context.Context) error {
	if r.server != nil || os.Getenv(postgresVariable) != "" {
		return nil
	}
	server, err := pgserver.Start(ctx)
	if errors.Is(err, pgserver.ErrMissing) {
		return nil
	}
	if err == nil {
		r.server, r.dsn = server, server.DSN("postgres")
	}
	return err
}

// test is a top-level test in a binary with all mutants.
type test struct {
	binary  string
	dir     string // where it runs
	name    string
	took    time.Duration
	reaches map[int]bool
	kills   int
}

// score is how many mutants the test may kill per second.
func (t *test) score() float64 {
	return (float64(t.kills) + 0.2) / (t.took + 20*time.Millisecond).Seconds()
}

// testMutants runs the tests of the packages in dirs against the mutants; it returns those
// that survive.
func (r *runner) testMutants(ctx context.Context, p *pkg, dirs []string, mutants []*mutant, t *tally) ([]*mutant, error) {
	overlay, err := r.overlay(p)
	if err != nil {
		return nil, err
	}
	var tests []*test
	for _, dir := range dirs {
		list, err := r.baseline(ctx, overlay, dir)
		if err != nil {
			return nil, fmt.Errorf("tests of %s: %w", dir, err)
		}
		tests = append(tests, list...)
	}
	var open []*mutant
	for _, m := range mutants {
		by, err := r.kill(ctx, m, tests)
		switch {
		case err != nil:
			return nil, err
		case by == "":
			open = append(open, m)
		default:
			t.killed++
		}
		t.record(m, by, slices.ContainsFunc(tests, func(t *test) bool { return t.reaches[m.id] }))
	}
	return open, nil
}

// overlay writes the instrumented package for "go test -overlay".
func (r *runner) overlay(p *pkg) (string, error) {
	r.builds++
	dir := filepath.Join(r.scratch, "overlay"+strconv.Itoa(r.builds))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	replace := map[string]string{}
	texts := map[string]string{
		filepath.Join(p.root, p.dir, "mutant_switch.go"): "package " + p.types.Name() + "\n" + switchSource +
			fmt.Sprintf("\nconst mutantCount = %d\n", len(p.mutants)),
		filepath.Join(p.root, p.dir, "mutant_change.go"): "package " + p.types.Name() + "\n" + changeSource,
	}
	for path := range p.sources {
		texts[path] = p.instrumented(path)
	}
	for path, text := range texts {
		file := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = file
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, data, 0o600)
}

// baseline builds the tests in dir and runs each alone without a mutant.
func (r *runner) baseline(ctx context.Context, overlay, dir string) ([]*test, error) {
	if dir == databaseTests {
		if err := r.startPostgres(ctx); err != nil {
			return nil, err
		}
	}
	r.builds++
	binary := filepath.Join(r.scratch, fmt.Sprintf("test%d", r.builds))
	build := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", overlay, "-o", binary, "./"+dir)
	build.Dir = r.root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building: %w\n%s", err, out)
	}
	out, err := r.start(ctx, []*test{{binary: binary, dir: filepath.Join(r.root, dir)}}, time.Minute, nil, "-test.list", ".")
	if err != nil {
		return nil, fmt.Errorf("listing: %w\n%s", err, out)
	}
	var tests []*test
	for name := range strings.FieldsSeq(out) {
		if !regexp.MustCompile("^(Test|Example|Fuzz)").MatchString(name) {
			continue
		}
		t := &test{binary: binary, dir: filepath.Join(r.root, dir), name: name}
		file := filepath.Join(r.scratch, "reached")
		start := time.Now()
		if out, err := r.start(ctx, []*test{t}, 5*time.Minute, []string{"DOORKIT_MUTANT_REACHED=" + file}); err != nil {
			return nil, fmt.Errorf("%s fails without a mutant: %w\n%s", name, err, out)
		}
		t.took = time.Since(start)
		if t.reaches, err = readReached(file); err != nil {
			return nil, err
		}
		if len(t.reaches) > 0 {
			tests = append(tests, t)
		}
	}
	return tests, nil
}

// readReached reads and removes the numbers that an instrumented test wrote.
func readReached(file string) (map[int]bool, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	reached := map[int]bool{}
	for field := range strings.FieldsSeq(string(data)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		reached[n] = true
	}
	return reached, os.Remove(file)
}

// kill returns the test that fails with the mutant, "" if none does.
func (r *runner) kill(ctx context.Context, m *mutant, tests []*test) (string, error) {
	for _, batch := range batches(m, tests, r.within) {
		out, err := r.start(ctx, batch, 5*total(batch)+10*time.Second, []string{fmt.Sprintf("DOORKIT_MUTANT=%d", m.id)}, "-test.failfast")
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.Is(err, errSlow):
			return "timeout: " + names(batch), nil
		case err != nil:
			return failed(out, batch), nil
		}
	}
	return "", nil
}

// batches groups the tests that reach the mutant, those that killed most per second first:
// a process for those that take a second together, then for those that take four times
// as long, and so on. If within is not 0, it leaves out those that would take longer
// together, except the first.
func batches(m *mutant, tests []*test, within time.Duration) [][]*test {
	slices.SortStableFunc(tests, func(a, b *test) int { return cmp.Compare(b.score(), a.score()) })
	byBinary := map[string][]*test{}
	for _, t := range tests {
		if t.reaches[m.id] {
			byBinary[t.binary] = append(byBinary[t.binary], t)
		}
	}
	var all [][]*test
	for _, binary := range slices.Sorted(maps.Keys(byBinary)) {
		limit, sum, batch := time.Second, time.Duration(0), []*test(nil)
		for _, t := range byBinary[binary] {
			if sum += t.took; sum > limit && len(batch) > 0 {
				all = append(all, batch)
				limit, sum, batch = 4*limit, t.took, nil
			}
			batch = append(batch, t)
		}
		all = append(all, batch)
	}
	slices.SortStableFunc(all, func(a, b []*test) int { return cmp.Compare(total(a), total(b)) })
	var sum time.Duration
	for i, batch := range all {
		if sum += total(batch); within > 0 && sum > within && i > 0 {
			return all[:i]
		}
	}
	return all
}

func total(batch []*test) (sum time.Duration) {
	for _, t := range batch {
		sum += t.took
	}
	return sum
}

func names(batch []*test) string {
	var list []string
	for _, t := range batch {
		list = append(list, t.name)
	}
	return oneLine(strings.Join(list, " "))
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failed names the test that failed, and counts it.
func failed(out string, batch []*test) string {
	if found := failure.FindAllStringSubmatch(out, -1); found != nil {
		name := found[len(found)-1][1]
		for _, t := range batch {
			if top, _, _ := strings.Cut(name, "/"); t.name == top {
				t.kills++
			}
		}
		return name
	}
	if strings.Contains(out, "panic: ") || strings.Contains(out, "fatal error: ") {
		return "panic: " + names(batch)
	}
	return names(batch)
}

var errSlow = errors.New("timeout")

// start runs tests of one binary in one process, which is killed with its children when
// the time is over.
func (r *runner) start(ctx context.Context, tests []*test, limit time.Duration, env []string, args ...string) (string, error) {
	slow, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var list []string
	for _, t := range tests {
		list = append(list, t.name)
	}
	temp, err := os.MkdirTemp(r.temp, "t")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil { // the user of PostgreSQL reaches what is in it
		return "", err
	}
	args = append([]string{"-test.short", "-test.run=^(" + strings.Join(list, "|") + ")$"}, args...)
	cmd := exec.CommandContext(slow, tests[0].binary, args...)
	cmd.Dir = tests[0].dir
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	if r.dsn != "" {
		cmd.Env = append(cmd.Env, postgresVariable+"="+r.dsn)
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if slow.Err() != nil && ctx.Err() == nil {
		err = errSlow
	}
	return out.String(), err
}
