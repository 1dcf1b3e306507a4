// Command coworking is a small coworking platform on doorkit: digital keys and
// bookings for members, SALTO KS settings, rules and logs for the manager.
//
//	go run ./examples/coworking
//
// It needs nothing installed: a SQLite file in a temporary folder, a simulated
// SALTO KS in the same process, a space with people and rooms. It prints its
// address and who may log in.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // the site's zone, wherever this runs

	"github.com/doorkit/doorkit/examples/internal/serving"
	"github.com/doorkit/doorkit/saltoks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "coworking:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	addr, db, postgres, demo string
	identity, api, clientID  string           // of another SALTO KS than the simulated one
	now                      func() time.Time // the demo's clock before somebody moves it; nil is the real one
	rounds                   int              // of PBKDF2 for a password
	limit                    *saltoks.Limiter // of calls to SALTO KS; nil is its quota
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := options{rounds: 200_000}
	flags := flag.NewFlagSet("coworking", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "host:port to listen on")
	flags.StringVar(&o.db, "db", "", "SQLite `file` (default: one in a temporary folder)")
	flags.StringVar(&o.postgres, "postgres", "", "PostgreSQL `DSN` instead of a SQLite file")
	flags.StringVar(&o.demo, "demo", "ready", "ready: SALTO KS is connected and doors are linked; fresh: do it in the browser")
	at := flags.String("at", "", "the `time` at which the demo's clock starts, as 2026-05-06T10:20:00+02:00 (default: now)")
	flags.StringVar(&o.api, "salto", "", "`URL` of a SALTO KS Connect API instead of the simulated one")
	flags.StringVar(&o.identity, "salto-identity", "", "its identity server's `URL` (default: the same)")
	flags.StringVar(&o.clientID, "salto-client-id", "", "the client id SALTO issued; the secret is read from SALTO_CLIENT_SECRET")
	insecure := flags.Bool("insecure-http", false, "listen on an address that other machines can reach, without TLS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.demo != "ready" && o.demo != "fresh" {
		return fmt.Errorf("-demo is ready or fresh, not %q", o.demo)
	}
	if *at != "" {
		begin, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			return fmt.Errorf("-at: %w", err)
		}
		started := time.Now()
		o.now = func() time.Time { return begin.Add(time.Since(started)) }
	}
	if o.db == "" && o.postgres == "" {
		dir, err := os.MkdirTemp("", "coworking-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.db = filepath.Join(dir, "coworking.db")
	}

	listener, err := serving.Listen(o.addr, *insecure)
	if err != nil {
		return err
	}
	defer listener.Close()
	origin := "http://" + listener.Addr().String()
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	password := strings.ToLower(rand.Text()[:8])
	w, err := open(ctx, o, origin, password, logger)
	if err != nil {
		return err
	}
	defer w.close()

	fmt.Fprintf(stdout, "%s\n", origin)
	for _, p := range people {
		fmt.Fprintf(stdout, "  %-20s %s   %s\n", p.email, password, p.about)
	}
	stopped := make(chan struct{})
	go func() { // a program may; the library does not
		defer close(stopped)
		w.rounds(ctx)
	}()
	err = serving.Serve(ctx, listener, w.handler())
	<-stopped
	return err
}

// open sets everything up; close it.
func open(ctx context.Context, o options, origin, password string, logger *slog.Logger) (*web, error) {
	h, err := openHouse(ctx, o, origin, logger)
	if err != nil {
		return nil, err
	}
	w, err := func() (*web, error) {
		if err := h.seed(ctx, password); err != nil {
			return nil, err
		}
		if o.demo == "ready" && h.sim != nil {
			if err := h.setUp(ctx); err != nil {
				return nil, err
			}
		}
		return newWeb(h, logger)
	}()
	if err != nil {
		h.close()
	}
	return w, err
}
