// Command connect is a settings page that connects a site to SALTO KS. It has the
// Connect button, the consent at SALTO, the choice of the site, the activation of its
// IQs with a PIN, Reconnect and Disconnect.
//
//	go run ./examples/simulator -addr 127.0.0.1:8077   # in one terminal
//	go run ./examples/connect                          # in another
//
// Open the address it prints and log in as "admin" with the password it prints.
// The PIN is in the simulator's inbox: curl http://127.0.0.1:8077/control/inbox
//
// The defaults are those of the simulator. With -dir, the connection and the credentials
// of the IQs survive a restart. They are sealed with the key in SEALING_KEY (ID:KEY, see
// saltostate.ParseSealingKey). The client secret is read from SALTO_CLIENT_SECRET.
//
// After the login, SALTO redirects the browser to the address given with -redirect. A
// cookie with the prefix __Host- ties that callback to the browser. Over plain HTTP
// browsers accept such a cookie only from localhost and 127.0.0.1; elsewhere use HTTPS.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/examples/internal/serving"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "connect:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	world := saltokstest.DefaultWorld()
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8078", "host:port to listen on")
	identity := flags.String("identity", "http://127.0.0.1:8077", "SALTO's identity server")
	api := flags.String("api", "http://127.0.0.1:8077", "SALTO's Connect API")
	clientID := flags.String("client-id", world.ClientID, "client id that SALTO issued")
	redirect := flags.String("redirect", world.RedirectURI, "registered callback; its path must be /salto/callback")
	insecure := flags.Bool("insecure-http", false, "listen on an address that other machines can reach, without TLS")
	dir := flags.String("dir", "", "folder for the state (default: in memory)")
	clock := flags.String("clock", "", "URL of the simulator's clock, if it is advanced: http://127.0.0.1:8077/control/clock")
	if err := flags.Parse(args); err != nil {
		return err
	}
	store, sealer, err := openState(*dir)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	app := &app{password: strings.ToLower(rand.Text()), clock: &simulatorClock{url: *clock}, log: logger}
	app.site, err = saltolocks.Open(ctx, saltolocks.Config{
		Site:        tenant,
		Environment: saltoks.Environment{Name: "example", Issuer: *identity, API: *api},
		Credentials: saltoauth.Credentials{
			ClientID:     *clientID,
			ClientSecret: saltoks.NewSecret(cmp.Or(os.Getenv("SALTO_CLIENT_SECRET"), world.ClientSecret)),
			RedirectURL:  *redirect,
		},
		Consent: saltoauth.ConsentConfig{Authorize: app.authorize, Done: "/", Failed: app.show},
		Storage: memstore.New(), // this program has no doors
		State:   store, Sealer: sealer, SealingKey: saltoks.NewSecret(os.Getenv("SEALING_KEY")),
		Logger: logger, Now: app.clock.Now,
	})
	if err != nil {
		return err
	}
	l, err := serving.Listen(*addr, *insecure)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "http://%s/ user admin password %s\n", l.Addr(), app.password)
	err = serving.Serve(ctx, l, app.handler(), app.site.Run)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(err, app.site.Close(ending))
}

// openState opens the store in dir, with the key in SEALING_KEY, or one in memory if
// dir is empty.
func openState(dir string) (saltostate.Store, saltostate.Sealer, error) {
	if dir == "" {
		return saltostate.NewMemoryStore(), saltostate.EphemeralSealer(), nil
	}
	store, err := saltostate.NewFileStore(dir)
	return store, nil, err
}
