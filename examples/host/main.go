// Command host is a complete host of one site: an API for the members' app, the
// connection to SALTO KS, and the periodic work, on SQLite. docs/getting-started.md
// explains it; simulator.sh runs it, and shows which settings it reads.
package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	_ "time/tzdata"

	_ "modernc.org/sqlite"

	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	db := must(sql.Open("sqlite", sqlstore.SQLiteDSN(setting("HOST_DB"))))
	store := must(sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true}))
	site := must(saltolocks.Open(ctx, saltolocks.Config{
		Site:        siteID,
		Environment: environment(),
		Credentials: saltoauth.Credentials{
			ClientID: setting("SALTO_CLIENT_ID"), ClientSecret: saltoks.NewSecret(setting("SALTO_CLIENT_SECRET")),
			RedirectURL: setting("SALTO_REDIRECT_URL"),
		},
		Consent: saltoauth.ConsentConfig{Authorize: manager, Done: "/setup"},
		Storage: store, State: store.Documents(), SealingKey: saltoks.NewSecret(setting("SEALING_KEY")),
		Logger: slog.Default(),
	}))
	api := must(gatehttp.New(gatehttp.Config{Gate: site.Gate, Authenticate: caller, Doctor: site.Doctor, Vendor: site.Entries}))
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	mux.Handle("POST /salto/connect", site.Consent.Connect())
	mux.Handle("POST /salto/reconnect", site.Consent.Reconnect())
	mux.Handle("GET /salto/callback", site.Consent.Callback())
	mux.Handle("/setup", setup{site, store})
	var work sync.WaitGroup
	work.Go(func() { site.Run(ctx) })
	err := serve(ctx, login(mux))
	stop()
	work.Wait()
	if err := errors.Join(err, site.Close(context.Background()), store.Close(), db.Close()); err != nil {
		log.Fatal(err)
	}
}
