// Command simulator serves a simulated SALTO KS until it is interrupted: the identity
// server, the Connect API, the event stream, IQs and locks, a mailbox and a phone, on one
// port, for clients in any language.
//
//	go run ./examples/simulator -addr 127.0.0.1:8077 [-world FILE.json] [-state FILE.json]
//
// Its first line is a JSON object with the URLs, the OAuth client and the logins:
//
//	{"identity","api","events","control","client_id","client_secret","redirect_uri","post_logout_redirect_uri",
//	 "users":[{"email","password","phone"}],"sites":[{"id","site_uid","name","iqs":[...],"locks":[...]}]}
//
// The world file has the fields of saltokstest.World. Fields that are left out get a
// default, and an empty object is the built-in world: one site, two IQs, four locks, one
// site administrator. "switches" decide what the public facts leave open, see
// saltokstest.Switches:
//
//	{"client_id":"mill","redirect_uri":"http://127.0.0.1:9000/callback",
//	 "users":[{"email":"admin@mill.example","password":"Grindstone-7","phone":"+31200000000"}],
//	 "sites":[{"name":"The Mill","iqs":[{"name":"Attic"}],"locks":[{"name":"Gate","open_seconds":3}]}],
//	 "switches":{"block_after":5,"refresh_lifetime":"720h"}}
//
// With -state everything is kept over a restart: tokens, activations, locks, entries and
// the clock. The world file counts only until the state file exists. The port must be the
// same, because it is part of the issuer.
//
// The clock is the real one plus what was advanced, so the one-time codes of a client that
// knows nothing of the simulator are valid.
//
// The URL "control" has endpoints for tests: the inbox, locks, IQs, the clock, faults and a
// reset. The package documentation of saltokstest lists them, and
// saltokstest.ControlClient calls them. Web pages of other origins get no answer there:
//
//	curl -X POST -d '{"advance":"15m"}' http://127.0.0.1:8077/control/clock
//
// The simulator listens on loopback only. With -any-address every program that can reach
// the port can read tokens and PINs. The control endpoints answer requests for localhost,
// for IP addresses, and for the name in -control-host. SIGINT and SIGTERM end it with status 0.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // time zones, even if the system has none

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8077", "host:port to listen on")
	world := flags.String("world", "", "JSON file with the world to serve (default: the built-in one)")
	state := flags.String("state", "", "JSON file that keeps the state over restarts; it contains secrets")
	controlHost := flags.String("control-host", "", "host name, such as that of a container, under which the control endpoints answer as well")
	anyAddress := flags.Bool("any-address", false, "allow an address that is not loopback")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := saltokstest.Config{
		AllowAnyAddress: *anyAddress, StateFile: *state, Logger: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	if *controlHost != "" {
		cfg.ControlHosts = []string{*controlHost}
	}
	if *world != "" {
		f, err := readWorld(*world)
		if err != nil {
			return err
		}
		cfg.World, cfg.Switches = f.World, f.Switches
	}
	srv, err := saltokstest.Serve(*addr, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", srv.Describe())
	<-ctx.Done()

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := srv.Close(closing); err != nil && closing.Err() == nil {
		return err // requests that are still running after two seconds are cut, which is no failure
	}
	return nil
}

// worldFile is the content of -world.
type worldFile struct {
	saltokstest.World
	Switches saltokstest.Switches `json:"switches"`
}

func readWorld(name string) (worldFile, error) {
	var w worldFile
	raw, err := os.ReadFile(name)
	if err != nil {
		return w, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return w, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return w, fmt.Errorf("%s: there is more after the world", name)
	}
	return w, nil
}
