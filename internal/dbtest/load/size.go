//go:build unix

package main

import (
	"context"
	"fmt"
	"strings"
)

// size measures what an unlock leaves in the database, table by table.
func size(ctx context.Context, s *session) error {
	w, err := s.build(ctx, s.settings)
	if err != nil {
		return err
	}
	defer w.close()
	for range 5 { // between the runs old versions of rows are removed, as autovacuum does over time
		if _, err := w.tap(ctx, 2, job{Sites: 1, Goroutines: 16, Count: s.Taps / 10}); err != nil {
			return err
		}
		if _, err := w.db.ExecContext(ctx, "VACUUM"); err != nil {
			return err
		}
	}
	var n int
	if err := w.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM doorkit_journal").Scan(&n); err != nil {
		return err
	}
	written, err := w.sizes(ctx)
	if err != nil {
		return err
	}
	if _, err := w.db.ExecContext(ctx, "VACUUM FULL"); err != nil {
		return err
	}
	packed, err := w.sizes(ctx)
	if err != nil {
		return err
	}
	var rows []string
	var sum, least float64
	for _, name := range written.names {
		a, b := float64(written.bytes[name])/float64(n), float64(packed.bytes[name])/float64(n)
		sum, least = sum+a, least+b
		rows = append(rows, fmt.Sprintf("`%s`\t%.0f\t%.0f", name, a, b))
	}
	rows = append(rows, fmt.Sprintf("all\t%.0f\t%.0f", sum, least))
	s.table(fmt.Sprintf("%d unlocks: table or index\tbytes for each\tof these without free space", n), rows...)
	return w.check(ctx)
}

// sizes are the bytes of the tables and indexes that unlocks write.
type sizes struct {
	names []string
	bytes map[string]int64
}

func (w *world) sizes(ctx context.Context) (z sizes, err error) {
	rows, err := w.db.QueryContext(ctx, `SELECT c.relname, CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE pg_relation_size(c.oid) END
		FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = COALESCE(i.indrelid, c.oid)
		WHERE t.relname IN ('doorkit_journal', 'doorkit_log', 'doorkit_check_ins')
		ORDER BY t.relname, c.relkind DESC, c.relname`)
	if err != nil {
		return z, err
	}
	defer rows.Close()
	z.bytes = map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return z, err
		}
		name = strings.TrimPrefix(name, "doorkit_")
		z.names = append(z.names, name)
		z.bytes[name] = n
	}
	return z, rows.Err()
}
