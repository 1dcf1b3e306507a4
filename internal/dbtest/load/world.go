//go:build unix

package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/dbtest"
)

// world is a filled database, and what the processes did with it.
type world struct {
	settings
	found     *findings
	direct    dbtest.Database // without the added round trip
	database  dbtest.Database // of the processes
	proxy     *proxy
	db        *sql.DB
	store     *sqlstore.Store
	dir       string
	jobs      int
	moves     []string      // files
	verifying time.Duration // of check
	recorded  []string      // the requests whose receipt reports that their door moved and that it is recorded
}

// build fills a new database of the server.
func (s *session) build(ctx context.Context, with settings) (*world, error) {
	admin, err := sql.Open("pgx", s.server.DSN("postgres"))
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	s.worlds++
	name := fmt.Sprintf("world%d", s.worlds)
	for _, q := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			return nil, err
		}
	}
	w := &world{settings: with, found: &s.found, direct: dbtest.Database{Dialect: sqlstore.PostgreSQL, DSN: s.server.DSN(name)}}
	w.database = w.direct
	if with.RoundTrip > 0 {
		host := strings.TrimPrefix(strings.Fields(w.direct.DSN)[0], "host=")
		if w.proxy, err = startProxy(filepath.Join(host, ".s.PGSQL.5432"), with.RoundTrip); err != nil {
			return nil, err
		}
		w.database.DSN = fmt.Sprintf("host=127.0.0.1 port=%d user=doorkit dbname=%s sslmode=disable", w.proxy.port(), name)
	}
	return w, w.open(ctx)
}

// buildSQLite fills a new file.
func (s *session) buildSQLite(ctx context.Context) (*world, error) {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return nil, err
	}
	d := dbtest.Database{Dialect: sqlstore.SQLite, DSN: sqlstore.SQLiteDSN(filepath.Join(dir, "doors.db"))}
	w := &world{settings: s.settings, found: &s.found, direct: d, database: d, dir: dir}
	return w, w.open(ctx)
}

func (w *world) open(ctx context.Context) (err error) {
	if w.dir == "" {
		if w.dir, err = os.MkdirTemp("", "load"); err != nil {
			return err
		}
	}
	if w.store, w.db, err = w.direct.OpenStore(ctx); err != nil {
		return err
	}
	for i := range w.Sites {
		if err := w.fillSite(ctx, i); err != nil {
			return err
		}
	}
	if w.Rows > 0 {
		if err := w.fillLog(ctx); err != nil {
			return err
		}
	}
	_, err = w.db.ExecContext(ctx, "ANALYZE")
	return err
}

// fillSite stores a site of one door that all members may open.
func (w *world) fillSite(ctx context.Context, i int) error {
	site := siteName(i)
	err := w.store.PutRules(ctx, storage.Rules{Site: access.Site{ID: site, TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}}})
	if err != nil {
		return err
	}
	err = w.store.PutDoor(ctx, site, storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly},
		Link: storage.Link{Site: "salto", Gateway: "iq", Lock: "lock-" + site}})
	if err != nil {
		return err
	}
	_, err = w.db.ExecContext(ctx, `INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by,
		switch_why) VALUES ($1, 0, $2, 0, $2, 0, '', '')`, site, make([]byte, 32))
	if err != nil {
		return err
	}
	members := w.Members
	if i > 0 {
		members = otherMembers
	}
	numbers := "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < $2 - 1) "
	_, err = w.db.ExecContext(ctx, numbers+`INSERT INTO doorkit_members (site, id, version, doc) SELECT $1, 'm' || i, 1, '{"id":"m' || i ||
		'","memberships":[{"id":"m1","type":"resident"}],"version":1}' FROM s`, site, members)
	return err
}

// otherMembers is how many members each site but the first has.
const otherMembers = 400

// roundTrip returns what one round trip takes, as the processes see it.
func (w *world) roundTrip(ctx context.Context) (time.Duration, error) {
	db, err := w.database.Open()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var took []time.Duration
	for range 100 {
		start := time.Now()
		if _, err := db.ExecContext(ctx, "SELECT 1"); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	return median(took), nil
}

func siteName(i int) string { return fmt.Sprintf("site-%05d", i) }

func (w *world) close() {
	if w.proxy != nil {
		w.proxy.close()
	}
	if w.store != nil {
		w.store.Close()
		w.db.Close()
	}
	os.RemoveAll(w.dir)
}

// drop closes w and drops its database, which may be large.
func (w *world) drop(ctx context.Context, s *session) error {
	w.close()
	admin, err := sql.Open("pgx", s.server.DSN("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.ExecContext(ctx, fmt.Sprintf("DROP DATABASE world%d WITH (FORCE)", s.worlds))
	return err
}
