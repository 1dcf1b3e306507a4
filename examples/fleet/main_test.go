//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// TestMain runs the program instead of the tests when TestFleet, or the program, starts
// this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_FLEET") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, no program is built and run")
	}
	dsn := os.Getenv("DOORKIT_TEST_POSTGRES")
	args := []string{"-for", "4s"}
	server, err := pgserver.Start(t.Context())
	switch {
	case err == nil:
		defer server.Close()
		dsn = server.DSN("postgres")
	case errors.Is(err, pgserver.ErrMissing) && dsn == "":
		t.Skip(err)
	case dsn == "":
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], append(args, "-postgres", dsn)...)
	cmd.Env = append(os.Environ(), "RUN_FLEET=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v:\n%s%s", err, out, errs.String())
	}
	t.Logf("%s", out)
	for _, want := range []string{
		`^50 sites set up, one consent, 10 IQs activated\n4 processes started\n`,
		`process [1-4], which does the jobs, killed while members are unlocking doors\n`,
		`\d\d+ taps in 4s, [1-9]\d* retried with another process: map\[accepted:\d\d+`,
		`no tap moved a door twice\n`,
		`\d\d+ rows in 50 door logs, all hash chains intact\n`,
		`refreshed [1-9]\d* times, and no refresh token was used twice\n`,
		`\d\d\d+ runs of a periodic job at 50 sites by [1-4] of 4 processes, also after the kill\n$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the output does not match %s", want)
		}
	}
}
