package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain runs the program itself when a test starts this binary again.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_DECIDE") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// decide runs the program as a process of its own.
func decide(t *testing.T, facts, requests string) (stdout, stderr string, status int) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"facts.json": facts, "requests": requests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return program(t, "-facts", filepath.Join(dir, "facts.json"), "-requests", filepath.Join(dir, "requests"))
}

func program(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RUN_DECIDE=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), status
}

const facts = `{
 "revision": "7",
 "site": {"id": "loft", "time_zone": "Europe/Berlin"},
 "doors": [{"id": "front", "access_type": "access_only"}],
 "membership_types": [{"id": "day", "doors": [{"door": "front", "hours": [{"days": ["mon"], "from": "08:00", "to": "18:00"}]}]}],
 "members": [{"id": "ada", "memberships": [{"id": "m1", "type": "day"}]}]
}`

func TestDecisions(t *testing.T) {
	stdout, stderr, status := decide(t, facts, strings.Join([]string{
		`{"at":"2026-05-04T08:00:00.5+02:00","member":"ada","door":"front","action":"unlock"}`,
		``,
		`{"at":"2026-05-04T18:00:00+02:00","member":"ada","door":"front","action":"lock","holding":true}`,
		`{"at":"2026-05-04T18:00:00+02:00","member":"ada","door":"front","action":"unlock"}`,
	}, "\n"))
	want := strings.Join([]string{
		`{"allowed":true,"reason":"membership","evidence":{"memberships":["m1"],"grants":[],"reservations":[]},` +
			`"valid_until":"2026-05-04T16:00:00Z","next_change":null,"relock_after":"7s","revision":"7"}`,
		`{"allowed":true,"reason":"holder","evidence":{"memberships":[],"grants":[],"reservations":[]},` +
			`"valid_until":null,"next_change":null,"relock_after":null,"revision":"7"}`,
		`{"allowed":false,"reason":"outside_hours","evidence":{"memberships":[],"grants":[],"reservations":[]},` +
			`"valid_until":null,"next_change":"2026-05-11T06:00:00Z","relock_after":null,"revision":"7"}`,
	}, "\n") + "\n"
	if stdout != want || stderr != "" || status != 0 {
		t.Errorf("status %d, stderr %q, stdout:\n%s\nwant:\n%s", status, stderr, stdout, want)
	}
}

func TestBadRequestLines(t *testing.T) {
	stdout, stderr, status := decide(t, facts, strings.Join([]string{
		`nonsense`,
		`{"at":"2026-05-04T09:00:00+02:00","member":"ada","door":"front","action":"unlock"}`,
		`{"at":"2026-05-04T09:00:00","member":"ada","door":"front","action":"unlock"}`,
	}, "\n"))
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if status != 1 || stderr != "" || len(lines) != 3 {
		t.Fatalf("status %d, stderr %q, stdout:\n%s", status, stderr, stdout)
	}
	for i, prefix := range []string{`{"error":"`, `{"allowed":true,`, `{"error":"`} {
		if !strings.HasPrefix(lines[i], prefix) {
			t.Errorf("line %d is %s, want it to start with %s", i, lines[i], prefix)
		}
	}
}

func TestBadFacts(t *testing.T) {
	stdout, stderr, status := decide(t,
		`{"site":{"id":"loft","time_zone":"Local"},"doors":[{"id":"front","access_type":"wide","color":"red"}]}`, "nonsense")
	if status != 2 || stdout != "" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	for i, path := range []string{"site.time_zone", "doors[0].access_type", "doors[0].color"} {
		if len(lines) != 3 || !strings.HasPrefix(lines[i], path+": ") {
			t.Fatalf("stderr %q, want %s in line %d of 3", stderr, path, i)
		}
	}
}

func TestBadUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(file, []byte(facts), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-color"}, {}, {"-facts", file}, {"-facts", file, "-requests", file, "more"}, {"-facts", file + ".not", "-requests", file},
	} {
		if stdout, stderr, status := program(t, args...); status != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	}
}

// TestShownDocuments runs the documents that the README names.
func TestShownDocuments(t *testing.T) {
	stdout, stderr, status := program(t, "-facts", "testdata/facts.json", "-requests", "testdata/requests.jsonl")
	if status != 0 || stderr != "" {
		t.Fatalf("exit status %d, %s", status, stderr)
	}
	var reasons []string
	for line := range strings.Lines(stdout) {
		_, rest, _ := strings.Cut(line, `"reason":"`)
		reason, _, _ := strings.Cut(rest, `"`)
		reasons = append(reasons, reason)
	}
	want := "membership outside_hours membership grant standing_blocked holder unknown_member"
	if got := strings.Join(reasons, " "); got != want {
		t.Errorf("reasons are %s, want %s", got, want)
	}
}

// Decisions that could not be written are no success.
func TestFullDisk(t *testing.T) {
	var errs bytes.Buffer
	status := run([]string{"-facts", "testdata/facts.json", "-requests", "testdata/requests.jsonl"}, full{}, &errs)
	if status != 2 || !strings.Contains(errs.String(), "no space") {
		t.Errorf("status %d, stderr %q", status, errs.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
