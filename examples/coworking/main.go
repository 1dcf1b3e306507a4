// Command coworking is a small coworking platform that uses doorkit: digital keys and
// bookings for members; SALTO KS settings, rules and logs for the manager.
//
//	go run ./examples/coworking
//
// It has no requirements: it uses a SQLite file in a temporary folder and a simulated
// SALTO KS in the same process, with members and rooms. It prints its address and the
// accounts.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
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

// options are the options of the command line.
type options struct {
	addr, db, demo          string
	identity, api, clientID string           // of a SALTO KS other than the simulated one
	now                     func() time.Time // the clock of the simulator; nil is the real time
	insecure                bool             // listen without TLS on any address
	proxy                   netip.Prefix     // of a proxy whose X-Forwarded-For is trusted
	iterations              int              // of PBKDF2 for a password
	limiter                 *saltoks.Limiter // of calls to SALTO KS; nil is its documented quota
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	if o.db == "" {
		dir, err := os.MkdirTemp("", "coworking-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.db = filepath.Join(dir, "coworking.db")
	}

	listener, err := serving.Listen(o.addr, o.insecure)
	if err != nil {
		return err
	}
	defer listener.Close()
	origin := "http://" + listener.Addr().String()
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	password := strings.ToLower(rand.Text()[:8])
	p, err := open(ctx, o, origin, password, logger)
	if err != nil {
		return err
	}
	defer p.close()

	fmt.Fprintf(stdout, "%s\n", origin)
	for _, u := range p.people {
		fmt.Fprintf(stdout, "  %-20s %s   %s\n", u.Email, password, u.About)
	}
	return serving.Serve(ctx, listener, p.handler(), p.site.Run)
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{iterations: 200_000}
	flags := flag.NewFlagSet("coworking", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "host:port to listen on")
	flags.StringVar(&o.db, "db", "", "SQLite `file` (default: one in a temporary folder)")
	flags.StringVar(&o.demo, "demo", "ready", "ready: SALTO KS is connected and doors are linked; fresh: connect in the browser")
	flags.StringVar(&o.api, "salto", "", "`URL` of a SALTO KS Connect API, instead of the simulated one")
	flags.StringVar(&o.identity, "salto-identity", "", "`URL` of its identity server (default: that of -salto)")
	flags.StringVar(&o.clientID, "salto-client-id", "", "client id issued by SALTO; the secret is read from SALTO_CLIENT_SECRET")
	flags.Func("trusted-proxy", "`network` of a reverse proxy, as 10.0.0.0/8: take a visitor's address from its X-Forwarded-For",
		func(text string) (err error) {
			o.proxy, err = netip.ParsePrefix(text)
			return err
		})
	flags.BoolVar(&o.insecure, "insecure-http", false, "listen on an address that other machines can reach, without TLS")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.demo != "ready" && o.demo != "fresh" {
		return o, fmt.Errorf("-demo must be ready or fresh, not %q", o.demo)
	}
	return o, nil
}
