//go:build unix

package dbtest

import (
	"database/sql"
	"fmt"
	"strconv"
	"testing"
)

// TestPlansOfALongLog looks at the plans at a site with a million rows of the log, which
// its parts share. The first part removes most of them, which the second does not read; the
// second adds rows out of the order of time, among which the first would have to search.
func TestPlansOfALongLog(t *testing.T) {
	t.Parallel()
	d := PostgreSQL(t)
	d.Store(t) // migrates
	long := scaled(1_000_000, 150_000)
	oldRecords(t, d.Raw(t), long)
	t.Run("after runs", func(t *testing.T) {
		if testing.Short() {
			t.Skip("needs a million rows; with -short, TestPlans checks the first plans")
		}
		plansAfterRuns(t, d, long)
	})
	t.Run("in advance", func(t *testing.T) { plansInAdvance(t, d, long) })
}

// oldRecords stores the records of a site that has been used for n minutes. One in 5000
// rows of the log has each of the rare outcomes. It is the only site, so that a plan for
// any site has to expect all rows of the table.
func oldRecords(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	run := func(q string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	run("SET maintenance_work_mem = '256MB'")
	indexes := dropIndexes(t, conn) // filling them row by row takes twice as long
	at := fmt.Sprintf("(%d + i * 60000000::bigint)", noon.UnixMicro())
	outcome := `CASE WHEN i % 5000 = 1 THEN 'unconfirmed' WHEN i % 5000 = 3 THEN 'not_sent' WHEN i % 5000 = 11 THEN 'refused'
		WHEN i % 20 = 6 THEN 'denied' ELSE 'accepted' END`
	series := fmt.Sprintf("generate_series(1, %d) AS i", n)
	for _, q := range []string{
		`INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by, switch_why)
			VALUES ('loft', 0, decode(repeat('00', 32), 'hex'), ` + strconv.Itoa(n) + `, decode(repeat('00', 32), 'hex'), 0, '', '')`,
		`INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor, salt, detail)
			SELECT 'loft', i, ` + at + `, 0, 'door' || i % 13, 'unlock', CASE WHEN i % 2 = 0 AND i % 20 <> 6 THEN 'sending' ELSE ` + outcome +
			` END, '', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 'm' || i % 500, '', '', '{}' FROM ` + series,
		`INSERT INTO doorkit_journal (site, member, request_id, attempt_id, fingerprint, door, action, outcome, begun, send_by, settled, seq,
			shared_with, doc) SELECT 'loft', 'm' || i % 500, 'r' || i, 'a' || i, '', 'door' || i % 13, 'unlock', ` + outcome + `, ` + at + `, ` +
			at + `, ` + at + `, i, '', '{}' FROM ` + series + ` WHERE i % 4 = 1`,
		`INSERT INTO doorkit_check_ins (site, member, visit, door, action, request_id, at, day) SELECT 'loft', 'm' || i % 500, 'v' || i,
			'door1', 'unlock', '', ` + at + `, '' FROM ` + series + ` WHERE i % 4 = 1`,
		`INSERT INTO doorkit_vendor_log (site, id, lock_id, at, what, detail, opened_by, user_id, raw) SELECT 'loft', 'e' || i,
			'door' || i % 13, ` + at + `, '', '', '', '', '{}' FROM ` + series + ` WHERE i % 4 = 1`,
	} {
		run(q)
	}
	for _, q := range indexes {
		run(q)
	}
	run("VACUUM ANALYZE")
}

// dropIndexes drops the indexes and primary keys of the tables that oldRecords fills, and
// returns the statements that create them, in their order.
func dropIndexes(t *testing.T, conn *sql.Conn) (create []string) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), `
		SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
				ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) END,
			CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
				ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END
		FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
		WHERE i.indrelid IN ('doorkit_log'::regclass, 'doorkit_journal'::regclass, 'doorkit_check_ins'::regclass,
			'doorkit_vendor_log'::regclass)
		ORDER BY i.indexrelid`)
	must(t, err)
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var out, in string
		must(t, rows.Scan(&out, &in))
		drop, create = append(drop, out), append(create, in)
	}
	must(t, rows.Err())
	for _, q := range drop {
		_, err := conn.ExecContext(t.Context(), q)
		must(t, err)
	}
	return create
}
