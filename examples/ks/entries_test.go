package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestEntries(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	lock := f.site().Locks[0]
	f.sim.SetLockClock(lock.ID, -2*time.Second)
	f.sim.Tap(lock.ID, "unknown fob")
	f.sim.SetLockClock(lock.ID, 0)
	f.sim.Tap(lock.ID, f.user().Tag)
	out := f.ok("entries")
	contains(t, out, "rejected: no access", "opened", "Main Entrance", "fob", "Harbour Doors")
	if strings.Index(out, "rejected") > strings.Index(out, "opened") {
		t.Errorf("not oldest first:\n%s", out)
	}
	var categories []string
	for line := range strings.Lines(f.ok("entries", "-json", "-since", "1h")) {
		categories = append(categories, decode[struct {
			Category string `json:"event_category"`
		}](t, line).Category)
	}
	if strings.Join(categories, " ") != "lock_rejected lock_opened" {
		t.Errorf("entries -json: %v", categories)
	}
	f.fails(exitUsage, []string{"entries", "-every", "1ms"}, "-every must be at least 1s")
	f.fails(exitUsage, []string{"entries", "-since", "yesterday"}, "ks entries -h")
}

// -follow prints entries that appear later, by the event stream or by polling, continues
// after an outage, and ends with status 0 when it is interrupted.
func TestEntriesFollow(t *testing.T) {
	t.Parallel()
	for name, features := range map[string][]string{
		"event stream": {"events_storage", "events_streaming"},
		"polling":      {"events_storage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := saltokstest.DefaultWorld()
			world.Sites[0].Features = features
			f := newFixture(t, saltokstest.Config{World: world}).login()
			follow(t, f, name == "polling")
		})
	}
}

func follow(t *testing.T, f *fixture, polls bool) {
	lock := f.site().Locks[0]
	cmd := exec.Command(os.Args[0], "entries", "-follow", "-every", "1s", "-json")
	cmd.Env = f.environ()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewReader(stdout)
	next := func() string {
		t.Helper()
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		return decode[struct {
			Category string `json:"event_category"`
		}](t, string(line)).Category
	}
	f.sim.OpenFromInside(lock.ID)
	if got := next(); got != "lock_opened" {
		t.Errorf("the first entry is %s", got)
	}
	if polls {
		f.sim.Fault(saltokstest.HTML502, saltokstest.On("/v1.1/"), saltokstest.Count(4)) // one read, with its retries
	}
	f.sim.Tap(lock.ID, "unknown fob")
	if got := next(); got != "lock_rejected" {
		t.Errorf("the second entry is %s", got)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	if polls {
		contains(t, stderr.String(), "reading the log instead")
	}
}
