//go:build unix

package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	direct dbtest.Database // without the added round trip
	dsn    string          // of the processes
	proxy  *proxy
	db     *sql.DB
	store  *sqlstore.Store
	dir    string
	jobs   int
	moves  []string // files
}

// build fills a database with sites of one door each.
func build(ctx context.Context, s settings, dsn string) (*world, error) {
	w := &world{settings: s, direct: dbtest.Database{Dialect: sqlstore.PostgreSQL, DSN: dsn}, dsn: dsn}
	var err error
	if w.store, w.db, err = w.direct.OpenStore(ctx); err != nil {
		return nil, err
	}
	if w.dir, err = os.MkdirTemp("", "load"); err != nil {
		return nil, err
	}
	if s.RoundTrip > 0 {
		host := strings.TrimPrefix(strings.Fields(dsn)[0], "host=")
		if w.proxy, err = startProxy(filepath.Join(host, ".s.PGSQL.5432"), s.RoundTrip); err != nil {
			return nil, err
		}
		w.dsn = fmt.Sprintf("host=127.0.0.1 port=%d user=doorkit dbname=postgres sslmode=disable", w.proxy.port())
	}
	for i := range s.Sites {
		site := siteName(i)
		err := w.store.PutRules(ctx, storage.Rules{Site: access.Site{ID: site, TimeZone: "Europe/Berlin"},
			MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}}})
		if err != nil {
			return nil, err
		}
		err = w.store.PutDoor(ctx, site, storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly},
			Link: storage.Link{Site: "salto", Gateway: "iq", Lock: "lock-" + site}})
		if err != nil {
			return nil, err
		}
		members := s.Members
		if i > 0 {
			members = 100
		}
		_, err = w.db.ExecContext(ctx, `INSERT INTO doorkit_members (site, id, version, doc) SELECT $1, 'm' || i, 1, '{"id":"m' || i ||
			'","memberships":[{"id":"m1","type":"resident"}],"version":1}' FROM generate_series(0, $2 - 1) AS s(i)`, site, members)
		if err != nil {
			return nil, err
		}
	}
	if _, err = w.db.ExecContext(ctx, "ANALYZE"); err == nil {
		err = w.roundTrip(ctx)
	}
	return w, err
}

// roundTrip prints what one round trip takes, as the processes see it.
func (w *world) roundTrip(ctx context.Context) error {
	db, err := sql.Open("pgx", w.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	var took []time.Duration
	for range 50 {
		start := time.Now()
		if _, err := db.ExecContext(ctx, "SELECT 1"); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	fmt.Printf("one round trip: %s\n", took[len(took)/2].Round(10*time.Microsecond))
	return nil
}

func siteName(i int) string { return fmt.Sprintf("site-%05d", i) }

func (w *world) close() {
	if w.proxy != nil {
		w.proxy.close()
	}
	w.store.Close()
	w.db.Close()
	os.RemoveAll(w.dir)
}

// worker is a process that taps.
type worker struct {
	job job
	cmd *exec.Cmd
	in  io.Closer
}

// start starts one process for each job, and lets all begin at once.
func (w *world) start(jobs []job) ([]*worker, error) {
	var all []*worker
	for i, j := range jobs {
		w.jobs++
		j.ID, j.Process, j.Processes, j.DSN, j.Direct = w.jobs, i, len(jobs), w.dsn, w.direct.DSN
		j.Members, j.Sites, j.Cloud, j.SiteEvery = w.Members, w.Sites, w.Cloud, w.SiteEvery
		j.Results = filepath.Join(w.dir, fmt.Sprintf("results-%d", j.ID))
		j.Moves = filepath.Join(w.dir, fmt.Sprintf("moves-%d", j.ID))
		w.moves = append(w.moves, j.Moves)
		text, err := json.Marshal(j)
		if err != nil {
			return nil, err
		}
		p := &worker{job: j, cmd: exec.Command(os.Args[0])}
		p.cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
		p.cmd.Stderr = os.Stderr
		in, err := p.cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := p.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := p.cmd.Start(); err != nil {
			return nil, err
		}
		if !bufio.NewScanner(out).Scan() {
			return nil, fmt.Errorf("load: a process did not start: %w", p.cmd.Wait())
		}
		p.in, all = in, append(all, p)
	}
	for _, p := range all {
		p.in.Close()
	}
	return all, nil
}

// wait returns what the processes measured.
func wait(all []*worker) (answers []answer, err error) {
	for _, p := range all {
		if err := p.cmd.Wait(); err != nil {
			return nil, fmt.Errorf("load: process %d: %w", p.job.Process, err)
		}
		data, err := os.ReadFile(p.job.Results)
		if err != nil {
			return nil, err
		}
		var list []answer
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
		answers = append(answers, list...)
	}
	return answers, nil
}

// tap runs jobs to their end.
func (w *world) tap(jobs ...job) ([]answer, error) {
	all, err := w.start(jobs)
	if err != nil {
		return nil, err
	}
	return wait(all)
}
