//go:build unix

package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// filledEvery is the time between two unlocks of fillLog; the last is a minute old.
const filledEvery = 10 * time.Second

// fillLog stores Rows rows of the log of the first site, as unlocks of its members write
// them: an attempt and an outcome for each, with details, receipt and check-in. The chain
// verifies.
func (w *world) fillLog(ctx context.Context) error {
	const piece = 20_000
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	build, err := dropIndexes(ctx, conn)
	if err != nil {
		return err
	}
	f := &filler{members: w.Members}
	first := time.Now().Add(-time.Minute - time.Duration(w.Rows/2)*filledEvery).Truncate(time.Microsecond)
	for n := 0; n < w.Rows/2; n += piece {
		var t tables
		for i := n; i < min(n+piece, w.Rows/2); i++ {
			f.unlock(&t, i, first.Add(time.Duration(i)*filledEvery))
		}
		if err := conn.Raw(func(c any) error { return t.copy(ctx, c.(*stdlib.Conn).Conn()) }); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "UPDATE doorkit_chains SET head_seq = $2, head_hash = $3 WHERE site = $1", siteName(0), int64(f.head.Seq),
		f.head.Hash[:])
	if err != nil {
		return err
	}
	for _, q := range append(build, "VACUUM ANALYZE") {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes drops the indexes that are no keys, because it is quicker to build them once,
// and returns the statements that do.
func dropIndexes(ctx context.Context, conn *sql.Conn) (build []string, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'doorkit_%_by_%'
		AND tablename IN ('doorkit_log', 'doorkit_journal', 'doorkit_check_ins')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		names, build = append(names, name), append(build, text)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	_, err = conn.ExecContext(ctx, "DROP INDEX "+strings.Join(names, ", "))
	return build, err
}

type filler struct {
	head    storage.Head
	members int
}

// tables are rows to copy, by the name of the table.
type tables struct{ log, journal, checkIns [][]any }

func (t *tables) copy(ctx context.Context, conn *pgx.Conn) error {
	for _, c := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"doorkit_log", []string{"site", "seq", "at", "ref", "door", "action", "outcome", "reason", "commitment", "hash", "member", "actor",
			"salt", "detail"}, t.log},
		{"doorkit_journal", []string{"site", "member", "request_id", "attempt_id", "fingerprint", "door", "action", "outcome", "begun", "send_by",
			"settled", "seq", "shared_with", "doc"}, t.journal},
		{"doorkit_check_ins", []string{"site", "member", "visit", "door", "action", "request_id", "at", "day"}, t.checkIns},
	} {
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{c.table}, c.columns, pgx.CopyFromRows(c.rows)); err != nil {
			return err
		}
	}
	return nil
}

// unlock adds the rows of one unlock.
func (f *filler) unlock(t *tables, i int, at time.Time) {
	site, member, request := siteName(0), fmt.Sprintf("m%d", i*7919%f.members), fmt.Sprintf("fill-0000-%010d", i)
	tapped := at.UTC().Format(time.RFC3339Nano)
	detail := fmt.Appendf(nil, `{"member":%q,"source":"digital_key","request_id":%q,"tapped_at":%q,"memberships":["m1"],`+
		`"link":{"site":"salto","gateway":"iq","lock":"lock-%s","name":""}}`, member, request, tapped, site)
	attempt := f.row(t, detail, member, storage.LogEntry{At: at, Outcome: gate.Sending})
	settled := at.Add(time.Second)
	f.row(t, detail, member, storage.LogEntry{At: settled, Outcome: gate.Accepted, Ref: attempt})
	doc := fmt.Appendf(nil, `{"allowed":true,"reason":"membership","relock_after":7000000000,"visit":"unlock/%s","day":%q,"lock":"lock-%s"}`,
		request, tapped[:10], site)
	t.journal = append(t.journal, []any{site, member, request, fmt.Sprintf("A%025d", i), "adc62b07c1ae52d55a218f56e53e6b33", "front", "unlock",
		"accepted", at.UnixMicro(), at.Add(gate.SendWithin).UnixMicro(), settled.UnixMicro(), int64(attempt), "", doc})
	t.checkIns = append(t.checkIns, []any{site, member, "unlock/" + request, "front", "unlock", request, settled.UnixMicro(), tapped[:10]})
}

// row adds one row of the log and returns its number.
func (f *filler) row(t *tables, detail []byte, member string, e storage.LogEntry) uint64 {
	e.Door, e.Action, e.Reason, e.Member, e.Detail = "front", "unlock", "membership", member, detail
	e.Salt = binary.BigEndian.AppendUint64(make([]byte, 8), f.head.Seq)
	e.Commitment = storage.Commitment(e.Salt, detail)
	r := f.head.Append(siteName(0), e)
	f.head = r.Head()
	t.log = append(t.log, []any{siteName(0), int64(r.Seq), r.At.UnixMicro(), int64(r.Ref), r.Door, r.Action, string(r.Outcome), r.Reason,
		r.Commitment[:], r.Hash[:], member, "", e.Salt, detail})
	return r.Seq
}
