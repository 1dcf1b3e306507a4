// Command host is a complete host of one site: an API for the members' app, the
// connection to SALTO KS, and the periodic work, on SQLite. It reads SALTO_CLIENT_ID,
// SALTO_CLIENT_SECRET, SALTO_REDIRECT_URL, SEALING_KEY ("k1:" and the output of
// "openssl rand -base64 32") and HOST_PASSWORD.
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
	db := must(sql.Open("sqlite", sqlstore.SQLiteDSN("host.db")))
	store := must(sqlstore.Open(ctx, db, sqlstore.SQLite, sqlstore.Migrated()))
	site := must(saltolocks.Open(ctx, saltolocks.Config{
		Site:        siteID,
		Environment: environment(),
		Credentials: saltoauth.Credentials{
			ClientID: os.Getenv("SALTO_CLIENT_ID"), ClientSecret: saltoks.NewSecret(os.Getenv("SALTO_CLIENT_SECRET")),
			RedirectURL: os.Getenv("SALTO_REDIRECT_URL"),
		},
		Consent: saltoauth.ConsentConfig{Authorize: manager, Done: "/setup"},
		Storage: store, State: store.Documents(), SealingKey: saltoks.NewSecret(os.Getenv("SEALING_KEY")),
		Logger: slog.Default(),
	}))
	api := must(gatehttp.New(gatehttp.Config{Gate: site.Gate, Authenticate: caller, Doctor: site.Doctor}))
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	mux.Handle("POST /salto/connect", site.Consent.Connect())
	mux.Handle("POST /salto/reconnect", site.Consent.Reconnect())
	mux.Handle("GET /salto/callback", site.Consent.Callback())
	mux.Handle("/setup", setup{site, store})
	var work sync.WaitGroup
	work.Go(func() { site.Run(ctx) })
	if err := serve(ctx, mux); !errors.Is(err, http.ErrServerClosed) {
		log.Print(err)
	}
	stop()
	work.Wait()
	log.Print(errors.Join(site.Close(context.Background()), store.Close(), db.Close()))
}
