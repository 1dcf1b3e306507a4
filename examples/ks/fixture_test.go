package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestMain runs ks instead of the tests when a test starts this binary. The tests wait for
// much of their time, so that more of them run at once than there are processors.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_KS") == "1" {
		main()
		os.Exit(0)
	}
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// fixture is a simulator on TCP and a home folder for ks.
type fixture struct {
	t    *testing.T
	sim  *saltokstest.Server
	home string
	env  []string
}

func newFixture(t *testing.T, cfg saltokstest.Config) *fixture {
	t.Helper()
	if testing.Short() {
		t.Skip("with -short, no program is run")
	}
	sim, err := saltokstest.Serve("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = sim.Close(ctx)
	})
	return &fixture{t: t, sim: sim, home: t.TempDir(), env: []string{"KS_CLIENT_SECRET=" + sim.ClientSecret()}}
}

// process is a running ks.
type process struct {
	f      *fixture
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout bytes.Buffer
	lines  *bufio.Reader // the standard error
	stderr bytes.Buffer
}

func (f *fixture) environ() []string {
	return append([]string{
		"RUN_KS=1", "HOME=" + f.home, "XDG_CONFIG_HOME=" + filepath.Join(f.home, ".config"), "PATH=" + os.Getenv("PATH"),
	}, f.env...)
}

func (f *fixture) start(args ...string) *process {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // ends a program that waits for an answer
	f.t.Cleanup(cancel)
	p := &process{f: f, cmd: exec.CommandContext(ctx, os.Args[0], args...)}
	p.cmd.Env = f.environ()
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		f.t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	p.cmd.Stdout = &p.stdout
	p.lines = bufio.NewReader(io.TeeReader(stderr, &p.stderr))
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	return p
}

// line returns the next line of the standard error that has the prefix, without it.
func (p *process) line(prefix string) string {
	p.f.t.Helper()
	for {
		text, err := p.lines.ReadString('\n')
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return strings.TrimSpace(rest)
		}
		if err != nil {
			p.f.t.Fatalf("no line %q in the standard error:\n%s", prefix, p.stderr.String())
		}
	}
}

// wait closes the standard input and returns the exit code.
func (p *process) wait() int {
	p.f.t.Helper()
	_ = p.stdin.Close()
	_, _ = io.Copy(io.Discard, p.lines)
	err := p.cmd.Wait()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.f.t.Fatal(err)
	} else if ok {
		return e.ExitCode()
	}
	return 0
}

// run runs ks to its end with a standard input, and fails the test if the exit code differs.
func (f *fixture) run(code int, input string, args ...string) (stdout, stderr string) {
	f.t.Helper()
	p := f.start(args...)
	_, _ = io.WriteString(p.stdin, input)
	if got := p.wait(); got != code {
		f.t.Fatalf("ks %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, p.stdout.String(), p.stderr.String())
	}
	return p.stdout.String(), p.stderr.String()
}

// ok runs ks, which must succeed, and returns the standard output.
func (f *fixture) ok(args ...string) string {
	f.t.Helper()
	out, _ := f.run(exitDone, "", args...)
	return out
}

// fails runs ks, which must fail with the exit code and one line of error with each of the texts.
func (f *fixture) fails(code int, args []string, texts ...string) {
	f.t.Helper()
	_, stderr := f.run(code, "", args...)
	last := lastLine(stderr)
	for _, text := range texts {
		if !strings.Contains(last, text) {
			f.t.Errorf("ks %s: the error %q does not contain %q", strings.Join(args, " "), last, text)
		}
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func (f *fixture) loginArgs(more ...string) []string {
	return append([]string{
		"login", "-environment", f.sim.URL(), "-client-id", f.sim.ClientID(), "-redirect", f.sim.RedirectURI(), "-listen", "127.0.0.1:0",
	}, more...)
}

// login logs in as the world's first user through the pages of the simulator.
func (f *fixture) login() *fixture {
	f.t.Helper()
	p := f.start(f.loginArgs()...)
	if status := p.browse(saltokstest.Allow()); status != http.StatusOK {
		f.t.Fatalf("the callback was answered %d", status)
	}
	if code := p.wait(); code != exitDone {
		f.t.Fatalf("login: exit code %d\n%s", code, p.stderr.String())
	}
	return f
}

// browse is the person at the browser: it opens the page that ks printed, answers, and
// follows the redirect to ks. It returns the status of ks's page.
func (p *process) browse(choice saltokstest.ConsentChoice) int {
	p.f.t.Helper()
	page := "http" + p.line("http")
	host := strings.TrimSuffix(p.line("Waiting for the callback at "), " ...")
	back, err := p.f.sim.Consent(p.f.t.Context(), page, choice)
	if err != nil {
		p.f.t.Fatal(err)
	}
	back.Host = host
	return get(p.f.t, back.String())
}

func get(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// decode reads the JSON value that ks printed.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

// contains fails the test if text lacks one of the parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

func (f *fixture) site() saltokstest.Site { return f.sim.World().Sites[0] }
func (f *fixture) user() saltokstest.User { return f.sim.World().Users[0] }

// activate activates every IQ through ks.
func (f *fixture) activate() *fixture {
	f.t.Helper()
	for _, q := range f.site().IQs {
		f.activateIQ(q.Name)
	}
	return f
}

func (f *fixture) activateIQ(name string, more ...string) {
	f.t.Helper()
	p := f.start(append([]string{"activate", name}, more...)...)
	p.line("SALTO sends a PIN")
	fmt.Fprintln(p.stdin, f.sim.IQPIN(f.user().Email))
	if code := p.wait(); code != exitDone {
		f.t.Fatalf("activate %s: exit code %d\n%s", name, code, p.stderr.String())
	}
}
