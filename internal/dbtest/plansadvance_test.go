//go:build unix

package dbtest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// plansInAdvance asks the server for the plans of the statements inside
// doorkit_advance, at a site with a long journal: on the first runs, which plan for the
// values, and after ten on one connection, when a plan for any values may replace them.
// None may read a table from end to end, nor more pages than a few rows account for.
func plansInAdvance(t *testing.T, d Database, long int) {
	config, err := pgx.ParseConfig(d.DSN)
	must(t, err)
	var mu sync.Mutex
	var plans []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		mu.Lock()
		defer mu.Unlock()
		plans = append(plans, n.Message)
	}
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "LOAD 'auto_explain'"); err != nil {
		t.Skip("this server has no auto_explain: ", err)
	}
	for _, set := range []string{"auto_explain.log_min_duration = 0", "auto_explain.log_nested_statements = on",
		"auto_explain.log_analyze = on", "auto_explain.log_buffers = on", "auto_explain.log_timing = off",
		"auto_explain.log_level = 'notice'", "enable_seqscan = off"} { // the last for doorkit_chains, which has one row here
		_, err := db.ExecContext(t.Context(), "SET "+set)
		must(t, err)
	}
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
	must(t, err)
	t.Cleanup(func() { s.Close() })

	inside := map[string]int{} // how often each statement was seen
	for i := range 12 {
		plans = nil
		key := storage.RequestKey{Site: "loft", Member: "m7", RequestID: fmt.Sprintf("request-%08d", i)}
		a := attempt(key, time.Duration(long/2+i)*time.Minute)
		a.Entry.Door = "door7"
		claim, err := s.Begin(t.Context(), a)
		if err != nil || claim.State != storage.Claimed {
			t.Fatal(claim, err)
		}
		_, err = s.Settle(t.Context(), storage.Settlement{RequestKey: key, Outcome: storage.Accepted, At: noon, Doc: []byte("{}"),
			Log: logEntry("m7", storage.Accepted, 0)})
		must(t, err)
		for _, p := range plans {
			query, plan, err := explained(p)
			if err != nil || !strings.Contains(query, "p_site") {
				continue
			}
			inside[query]++
			pages := 0
			for _, m := range touched.FindAllStringSubmatch(plan, -1) {
				n, _ := strconv.Atoi(m[2])
				pages = max(pages, n)
			}
			if scans.MatchString(plan) || pages > 60 {
				t.Errorf("run %d of a statement in doorkit_advance reads %d pages:\n%s\n%s", i, pages, query, plan)
			}
		}
	}
	for _, table := range []string{"FROM doorkit_chains", "UPDATE doorkit_chains", "request_id = p_request", "begun > p_from"} {
		found := 0
		for query, n := range inside {
			if strings.Contains(query, table) {
				found += n
			}
		}
		if found < 12 {
			t.Errorf("the statement with %q was seen %d times", table, found)
		}
	}
}

var planned = regexp.MustCompile(`(?s)Query Text: (.*?)\n((?:[A-Z][A-Za-z ]+ (?:\(|on )).*)`)

// explained splits a message of auto_explain.
func explained(message string) (query, plan string, err error) {
	m := planned.FindStringSubmatch(message)
	if m == nil {
		return "", "", errors.New("not a plan")
	}
	return m[1], m[2], nil
}
