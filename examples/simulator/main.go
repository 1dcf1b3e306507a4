// Command simulator serves a simulated SALTO KS until it is interrupted: the
// identity server, the Connect API, IQs and locks, a mailbox and a phone, on
// one port, for clients in any language.
//
//	go run ./examples/simulator -addr 127.0.0.1:8077 [-world FILE.json]
//
// Its first line is one JSON object that says where everything is and who may
// log in:
//
//	{"identity","api","events","control","client_id","client_secret","redirect_uri",
//	 "users":[{"email","password","phone"}],"sites":[{"id","site_uid","name","iqs":[...],"locks":[...]}]}
//
// The world file has the form of saltokstest.World; what is left out gets a
// value, and an empty object is the built-in world: one site, two IQs, four
// locks, one site admin. Members, seats, schedules and the like may be given
// too, and "switches", which decide what the public facts leave open:
//
//	{"client_id":"mill","redirect_uri":"http://127.0.0.1:9000/callback",
//	 "users":[{"email":"admin@mill.example","password":"Grindstone-7","phone":"+31200000000"}],
//	 "sites":[{"name":"The Mill","iqs":[{"name":"Attic"}],"locks":[{"name":"Gate","open_seconds":3}]}],
//	 "switches":{"block_after":5,"refresh_lifetime":"720h"}}
//
// The clock is the real one plus what was advanced, so the one-time codes of a
// client that knows nothing of the simulator hold.
//
// Under the URL named "control" (POST bodies are JSON; doubled slashes and
// slashes at the end do not matter):
//
//	GET    inbox        [{"channel":"email"|"sms","to","body","at"}], newest last;
//	                    body holds the IQ PIN as its only 4-digit number
//	GET    locks/{id}   {"locked_state","movements"}
//	GET    clock        {"now"}, RFC 3339
//	POST   clock        {"advance":"15m"}
//	GET    faults       {"names","armed"}
//	POST   faults       {"name","count","delay"}, and "on", "target", "after":
//	                    see the constants of saltokstest
//	DELETE faults       disarms all of them
//	POST   reset        everything as it was at the start, the clock too
//
// It listens on loopback only; -any-address lifts that, and lets everybody in
// who can reach the port. SIGINT and SIGTERM end it with status 0.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // the zones of the world, wherever this runs

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
	anyAddress := flags.Bool("any-address", false, "allow an address that is not loopback")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := saltokstest.Config{AllowAnyAddress: *anyAddress}
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
		return err // requests that hang are cut when their time is up; that is no failure
	}
	return nil
}

// worldFile is what -world reads.
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
