package statetest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// The environment variables that make a process of the test binary a child.
const (
	childTask  = "DOORKIT_STATETEST_TASK"
	childWhere = "DOORKIT_STATETEST_WHERE"
)

// RunProcesses checks a store that processes share, with real processes. It
// starts the test binary again for the running test; in the child process,
// RunProcesses carries out one task and exits. where returns the location of an
// empty store for open (a folder, a data source); it is called in the parent
// only. open is called in every process.
//
// Call it from a separate test, or a subtest with a plain name, without other
// work before it: a child runs the test up to this call. leaseLimit is the time
// within which the store must free the key of a process that died; 0 means 5
// seconds.
func RunProcesses(
	t *testing.T, where func(t *testing.T) string, open func(where string) (saltostate.Store, error), leaseLimit time.Duration,
) {
	if task := os.Getenv(childTask); task != "" {
		child(task, os.Getenv(childWhere), open)
	}
	if leaseLimit == 0 {
		leaseLimit = 5 * time.Second
	}
	p := processes{where: where, open: open, test: testPattern(t.Name())}
	t.Run("SerializedOverProcesses", p.serialized)
	t.Run("WrittenIsDurable", p.durable)
	t.Run("KilledHolderFreesTheKey", func(t *testing.T) { p.killed(t, leaseLimit) })
	t.Run("HeldKeyMakesOthersWait", p.held)
}

func testPattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexpQuote(p) + "$"
	}
	return strings.Join(parts, "/")
}

func regexpQuote(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

type processes struct {
	where func(t *testing.T) string
	open  func(where string) (saltostate.Store, error)
	test  string
}

// process is a child that reports line by line on its standard output. It ends
// when its standard input is closed, or when it is killed.
type process struct {
	cmd   *exec.Cmd
	in    interface{ Close() error }
	lines *bufio.Scanner
	errs  bytes.Buffer
}

func (p processes) start(t *testing.T, where, task string) *process {
	t.Helper()
	c := &process{cmd: exec.Command(os.Args[0], "-test.run="+p.test, "-test.count=1")}
	c.cmd.Env = append(os.Environ(), childTask+"="+task, childWhere+"="+where)
	c.cmd.Stderr = &c.errs
	in, err := c.cmd.StdinPipe()
	must(t, err)
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	c.in, c.lines = in, bufio.NewScanner(out)
	must(t, c.cmd.Start())
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // an error means that it has already ended
		_ = c.cmd.Wait()
	})
	return c
}

func (c *process) line(t *testing.T, want string) {
	t.Helper()
	if !c.lines.Scan() {
		_ = c.cmd.Wait()
		t.Fatalf("a child ended without printing %q: %s", want, c.errs.String())
	}
	if got := c.lines.Text(); got != want {
		t.Fatalf("a child printed %q, want %q", got, want)
	}
}

func (p processes) store(t *testing.T, where string) saltostate.Store {
	t.Helper()
	s, err := p.open(where)
	must(t, err)
	return s
}

// serialized: processes append to one shared document and each to a separate
// one; no addition is lost.
func (p processes) serialized(t *testing.T) {
	const n, each = 4, 50
	where := p.where(t)
	s := p.store(t, where)
	var all sync.WaitGroup
	for i := range n {
		c := p.start(t, where, fmt.Sprintf("add %d %d", i, each))
		all.Go(func() { c.lines.Scan() })
		defer func() {
			if got := c.lines.Text(); got != "done" {
				t.Errorf("child %d printed %q: %s", i, got, c.errs.String())
			}
		}()
	}
	all.Wait()
	got, err := s.Get(within(t), "saltoks/shared")
	must(t, err)
	if len(got) != n*each {
		t.Errorf("%d additions left %d bytes", n*each, len(got))
	}
	for i := range n {
		if c := bytes.Count(got, []byte{byte('a' + i)}); c != each {
			t.Errorf("%d additions of process %d, want %d", c, i, each)
		}
	}
}

// durable: a change that Update acknowledged is still stored after the process
// was killed.
func (p processes) durable(t *testing.T) {
	where := p.where(t)
	s := p.store(t, where)
	c := p.start(t, where, "write")
	c.line(t, "written")
	must(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
	want(t, s, "saltoks/durable", []byte("written by a process that was killed"))
}

// killed: a process dies inside fn. Its change is not visible, and the key is
// free within the limit.
func (p processes) killed(t *testing.T, leaseLimit time.Duration) {
	where := p.where(t)
	s := p.store(t, where)
	must(t, set(within(t), s, "saltoks/held", []byte("before")))
	c := p.start(t, where, "hold")
	c.line(t, "holding")
	must(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), leaseLimit)
	defer cancel()
	must(t, s.Update(ctx, "saltoks/held", func(_ context.Context, current []byte) ([]byte, error) {
		if string(current) != "before" {
			t.Errorf("fn sees %s, want what was there before the killed process", brief(current))
		}
		return []byte("after"), nil
	}))
	want(t, s, "saltoks/held", []byte("after"))
}

// held: while a process is inside fn, another one waits for this key, but not
// for other keys; afterwards it sees the change. If the lease was lost, that is
// an error.
func (p processes) held(t *testing.T) {
	where := p.where(t)
	s := p.store(t, where)
	must(t, set(within(t), s, "saltoks/held", []byte("before")))
	c := p.start(t, where, "hold")
	c.line(t, "holding")
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := s.Update(short, "saltoks/held", func(context.Context, []byte) ([]byte, error) {
		t.Error("two processes are inside fn for one key")
		return nil, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a held key: %v", err)
	}
	must(t, set(within(t), s, "saltoks/free", []byte("free")))
	want(t, s, "saltoks/held", []byte("before"))
	must(t, c.in.Close()) // release the key
	c.line(t, "held")
	must(t, s.Update(within(t), "saltoks/held", func(_ context.Context, current []byte) ([]byte, error) {
		if string(current) != "held" {
			t.Errorf("fn sees %s, want what the other process wrote", brief(current))
		}
		return current, nil
	}))
}

// child does one task and ends the process.
func child(task, where string, open func(where string) (saltostate.Store, error)) {
	err := work(task, where, open)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func work(task, where string, open func(where string) (saltostate.Store, error)) error {
	s, err := open(where)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	fields := strings.Fields(task)
	switch fields[0] {
	case "add":
		i, _ := strconv.Atoi(fields[1])
		each, _ := strconv.Atoi(fields[2])
		add := func(_ context.Context, current []byte) ([]byte, error) { return append(current, byte('a'+i)), nil }
		for range each {
			if err := s.Update(ctx, "saltoks/shared", add); err != nil {
				return err
			}
			if err := s.Update(ctx, fmt.Sprintf("saltoks/own%d", i), add); err != nil {
				return err
			}
		}
		own, err := s.Get(ctx, fmt.Sprintf("saltoks/own%d", i))
		if err != nil {
			return err
		}
		if len(own) != each {
			return fmt.Errorf("own document has %d bytes, want %d", len(own), each)
		}
		fmt.Println("done")
	case "write":
		if err := set(ctx, s, "saltoks/durable", []byte("written by a process that was killed")); err != nil {
			return err
		}
		fmt.Println("written")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until killed
	case "hold":
		err := s.Update(ctx, "saltoks/held", func(context.Context, []byte) ([]byte, error) {
			fmt.Println("holding")
			_, _ = os.Stdin.Read(make([]byte, 1)) // until killed or released
			return []byte("held"), nil
		})
		if err != nil {
			return err
		}
		fmt.Println("held")
	default:
		return fmt.Errorf("no task %q", task)
	}
	return nil
}
