package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// From the start of the program to an open door in the browser takes less than a minute:
// with the address and an account as the program prints them.
func TestBrowserFirstDoor(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	started := time.Now()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0"}, in, os.Stderr)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	printed := bufio.NewScanner(out)
	printed.Scan()
	url := printed.Text()
	var account []string // email, password, and what it is for
	for len(account) == 0 && printed.Scan() {
		if fields := strings.Fields(printed.Text()); strings.HasPrefix(fields[0], "ada@") {
			account = fields
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if len(account) < 2 {
		t.Fatalf("the program printed no account: %v", <-ended)
	}

	b := (&testPlatform{url: url}).tab(browser, t, screenSizes[0])
	b.open("/")
	b.fill("email", account[0])
	b.fill("password", account[1])
	b.press("Log in")
	b.waitForText("My keys")
	b.press("Open Front Door")
	b.waitForText("The door is open")
	took := time.Since(started)
	t.Logf("from the start of the program to an open door: %.1f s", took.Seconds())
	if took > time.Minute {
		t.Errorf("an open door took %s, want at most a minute", took)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
