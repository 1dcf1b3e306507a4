package sqlstore

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// dueSites is how many sites one statement asks about.
const dueSites = 10_000

// Due implements storage.ManySites. For WorkRetain it also cleans SQLite's file, as Retain
// does.
func (s *Store) Due(ctx context.Context, q storage.DueQuery) (due []string, err error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if q.Work == storage.WorkRetain { // Retain, which cleans too, is not called where nothing is old
		if _, err := s.clean(ctx); err != nil {
			return nil, fail(ctx, "Due", err)
		}
	}
	args := []any{""}
	if q.Work != storage.WorkHolds && q.Work != storage.WorkVerify {
		args = append(args, q.Before.UnixMicro())
	}
	valid := slices.DeleteFunc(slices.Clone(q.Sites), func(site string) bool { return !storage.ValidText(site) })
	for sites := range slices.Chunk(valid, dueSites) {
		list, err := json.Marshal(sites)
		if err != nil {
			return nil, fail(ctx, "Due", err)
		}
		args[0] = string(list)
		// A subquery that returns a value is run for each site: unlike EXISTS, it does not
		// become a join that reads whole tables.
		rows, err := s.read.query(ctx, "SELECT given.site FROM "+s.read.dialect.sites("$1")+" given WHERE ("+hasWork(q.Work)+" LIMIT 1) = 1",
			args...)
		found, err := collect(rows, err, func(row scanner) (site string, err error) { return site, row.Scan(&site) })
		if err != nil {
			return nil, fail(ctx, "Due", err)
		}
		due = append(due, found...)
	}
	return due, fail(ctx, "Due", ctx.Err())
}

// hasWork is a query that returns 1 if the site given.site has work.
func hasWork(w storage.Work) string {
	switch w {
	case storage.WorkRecover:
		return "SELECT 1 FROM doorkit_journal WHERE site = given.site AND outcome = 'sending' AND send_by < $2 AND " + notAccepted
	case storage.WorkPrune:
		// The order selects the index by time, whatever the planner expects.
		return `SELECT 1 FROM (SELECT j.begun FROM doorkit_journal j WHERE j.site = given.site AND j.begun < $2 AND j.outcome <> 'sending'
			ORDER BY j.site, j.begun LIMIT 1) old`
	case storage.WorkHolds:
		return "SELECT 1 FROM doorkit_holds h WHERE h.site = given.site"
	case storage.WorkRetain: // the first row is at or after the base
		return `SELECT 1 FROM (SELECT l.at FROM doorkit_log l WHERE l.site = given.site
				AND l.seq > COALESCE((SELECT c.base_seq FROM doorkit_chains c WHERE c.site = given.site), 0) ORDER BY l.seq LIMIT 1) oldest
			WHERE oldest.at IS NULL OR oldest.at < $2
			UNION ALL SELECT 1 FROM doorkit_vendor_log e WHERE e.site = given.site AND e.at < $2`
	}
	// The order of the rows selects the primary key, whatever the planner expects.
	return `SELECT 1 FROM (SELECT 1 AS one) o LEFT JOIN doorkit_chains c ON c.site = given.site
			LEFT JOIN doorkit_verified v ON v.site = given.site
		WHERE COALESCE(c.head_seq, 0) <> COALESCE(v.seq, 0) OR v.seq > 0 AND (c.head_hash <> v.hash OR v.hash <> COALESCE(
			(SELECT l.hash FROM doorkit_log l WHERE l.site = given.site AND l.seq >= v.seq ORDER BY l.seq LIMIT 1), ''))`
}

// sites returns the SQL for a table with the column site, of a list that is passed as one
// JSON argument.
func (d Dialect) sites(arg string) string {
	if d == SQLite {
		return "(SELECT value AS site FROM json_each(" + arg + "))"
	}
	return "(SELECT jsonb_array_elements_text(CAST(" + arg + " AS jsonb)) AS site)"
}
