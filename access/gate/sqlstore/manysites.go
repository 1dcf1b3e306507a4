package sqlstore

import (
	"context"
	"embed"
	"slices"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// dueQueries has a query for each kind of work, which returns 1 if the site given.value has
// such work.
//
//go:embed queries/due
var dueQueries embed.FS

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
	hasWork, _ := dueQueries.ReadFile("queries/due/" + string(q.Work) + ".sql") // Check knows the work
	args := []any{""}
	if q.Work != storage.WorkHolds && q.Work != storage.WorkVerify {
		args = append(args, q.Before.UnixMicro())
	}
	valid := slices.DeleteFunc(slices.Clone(q.Sites), func(site string) bool { return !storage.ValidText(site) })
	for sites := range slices.Chunk(valid, dueSites) {
		args[0] = document(sites)
		// A subquery that returns a value is run for each site: unlike EXISTS, it does not
		// become a join that reads whole tables.
		rows, err := s.read.query(ctx, "SELECT given.value FROM "+s.read.dialect.list("$1")+" given WHERE ("+string(hasWork)+" LIMIT 1) = 1",
			args...)
		found, err := collect(rows, err, scanText)
		if err != nil {
			return nil, fail(ctx, "Due", err)
		}
		due = append(due, found...)
	}
	return due, fail(ctx, "Due", ctx.Err())
}
