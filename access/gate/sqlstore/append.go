package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// commit is the usual commit on PostgreSQL: a row of the door log, with the rows of other
// tables that belong to it, in one round trip that locks the chain for none. The function
// doorkit_advance decides whether it is usual; if not, it writes nothing, and a transaction
// does what the rules require.
type commit struct{ batch }

// guard is what makes a commit usual; see doorkit_advance.
type guard struct {
	key      storage.RequestKey
	known    any // the outcome of the entry under key; nil if there must be none
	switched bool
	share    *storage.Attempt // whose command may be shared; nil shares none
}

// newCommit returns the commit that appends e to the chain of a site.
func newCommit(ctx context.Context, site string, g guard, e storage.LogEntry) *commit {
	wait := storage.WriteWithin
	if deadline, ok := ctx.Deadline(); ok {
		// The server gives up before this process does, so that the connection stays usable.
		wait = min(wait, max(time.Until(deadline)-100*time.Millisecond, time.Millisecond))
	}
	var door, action string
	var from, until any
	if a := g.share; a != nil {
		door, action = a.Entry.Door, string(a.Entry.Action)
		from, until = a.Entry.Begun.Add(-a.ShareWithin).UnixMicro(), a.Entry.Begun.Add(a.ShareWithin).UnixMicro()
	}
	first, second, third := e.HashParts(site)
	c := &commit{}
	c.add("SELECT seq, hash FROM doorkit_advance($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)", []any{
		site, strconv.FormatInt(wait.Milliseconds(), 10) + "ms", g.key.Member, g.key.RequestID, g.known, asInt(g.switched),
		door, action, from, until, first, second, third})
	c.add(logRows.insertNext(site, storage.LogRow{LogEntry: e}))
	return c
}

// insertNext returns the statement that inserts a record with the number and the hash of
// the row that a commit appends.
func (r record[T]) insertNext(site string, v T) (q string, args []any) {
	var values []string
	fields := r.fields(&site, &v)
	for i, column := range strings.Split(r.columns, ", ") {
		if column == "seq" || column == "hash" {
			values = append(values, column)
			continue
		}
		args = append(args, stored(fields[i]))
		values = append(values, "$"+strconv.Itoa(len(args)))
	}
	return "INSERT INTO " + r.table + " (" + r.columns + ") SELECT " + strings.Join(values, ", ") + " FROM s0", args
}

// run runs the commit, with last as its last part, and scans the row that last returns. It
// returns false if the commit is not usual: nothing was written.
func (c *commit) run(ctx context.Context, run runner, last string, into ...any) (done bool, err error) {
	c.add(last, nil)
	text, args := c.joined()
	err = run.row(ctx, text, args...).Scan(into...)
	if noRows(err) {
		return false, nil
	}
	err = acknowledged(ctx, err)
	return err == nil, err
}
