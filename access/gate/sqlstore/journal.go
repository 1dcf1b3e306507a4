package sqlstore

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

const entryColumns = "member, request_id, attempt_id, fingerprint, door, action, outcome, begun, send_by, settled, seq, shared_with, doc"

// entryRow is a row of the journal as it is scanned.
type entryRow struct {
	storage.JournalEntry
	begun, sendBy, settled sql.NullInt64
}

func (r *entryRow) into() []any {
	return []any{&r.Member, &r.RequestID, &r.AttemptID, &r.Fingerprint, &r.Door, &r.Action, &r.Outcome, &r.begun, &r.sendBy, &r.settled,
		&r.Seq, &r.SharedWith, &r.Doc}
}

func (r *entryRow) entry(site string) storage.JournalEntry {
	r.Site = site
	r.Begun, r.SendBy, r.Settled = instant(r.begun), instant(r.sendBy), instant(r.settled)
	return r.JournalEntry
}

func scanEntry(site string) func(scanner) (storage.JournalEntry, error) {
	return func(row scanner) (storage.JournalEntry, error) {
		var r entryRow
		err := row.Scan(r.into()...)
		return r.entry(site), err
	}
}

const entryByKey = "SELECT " + entryColumns + " FROM doorkit_journal WHERE site = $1 AND member = $2 AND request_id = $3"

// Lookup implements storage.Journal.
func (s *Store) Lookup(ctx context.Context, key storage.RequestKey, door string) (storage.LookupResult, error) {
	var (
		m                       storage.LookupResult
		held, off               int64
		at                      sql.NullInt64
		request, member         sql.NullString
		attempt, fingerprint    sql.NullString
		entryDoor               sql.NullString
		action, outcome, shared sql.NullString
		begun, sendBy, settled  sql.NullInt64
		seq                     sql.NullInt64
		doc                     []byte
	)
	err := s.read.row(ctx, `SELECT COALESCE(c.switch_off, 0), COALESCE(c.switch_by, ''), COALESCE(c.switch_why, ''), c.switch_at,
			(SELECT COUNT(*) FROM doorkit_holds h WHERE h.site = $1 AND h.door = $4 AND h.member = $2),
			j.member, j.request_id, j.attempt_id, j.fingerprint, j.door, j.action, j.outcome,
			j.begun, j.send_by, j.settled, j.seq, j.shared_with, j.doc
		FROM (SELECT 1 AS one) o LEFT JOIN doorkit_chains c ON c.site = $1
			LEFT JOIN doorkit_journal j ON j.site = $1 AND j.member = $2 AND j.request_id = $3`,
		key.Site, key.Member, key.RequestID, door).Scan(&off, &m.KillSwitch.By, &m.KillSwitch.Why, &at, &held,
		&member, &request, &attempt, &fingerprint, &entryDoor, &action, &outcome, &begun, &sendBy, &settled, &seq, &shared, &doc)
	if err != nil {
		return storage.LookupResult{}, fail(ctx, "Lookup", err)
	}
	m.KillSwitch.Off, m.KillSwitch.At, m.Holding = off != 0, instant(at), held > 0
	if request.Valid {
		m.Entry = &storage.JournalEntry{
			RequestKey: key, AttemptID: attempt.String, Fingerprint: fingerprint.String, Door: entryDoor.String,
			Action: access.Action(action.String), Outcome: storage.Outcome(outcome.String),
			Begun: instant(begun), SendBy: instant(sendBy), Settled: instant(settled), Seq: uint64(seq.Int64), SharedWith: shared.String, Doc: doc,
		}
	}
	return m, nil
}

// shareable selects the entry under the key, and the command that this tap may share. A
// row that shares a command has no outcome, so it is never selected.
const shareable = entryByKey + ` UNION ALL SELECT * FROM (SELECT ` + entryColumns + ` FROM doorkit_journal j
	WHERE j.site = $1 AND j.door = $4 AND j.begun > $6 AND j.begun < $7 AND j.member = $2 AND j.action = $5
		AND j.outcome IN ('sending', 'accepted', 'unconfirmed')
	AND NOT EXISTS (SELECT 1 FROM doorkit_journal o WHERE o.site = $1 AND o.door = $4 AND o.begun > j.begun AND o.action <> $5
		AND o.outcome IN ('sending', 'accepted', 'unconfirmed'))
	ORDER BY j.begun DESC, j.seq DESC LIMIT 1) AS lead`

// Begin implements storage.Journal.
func (s *Store) Begin(ctx context.Context, a storage.Attempt) (claim storage.Claim, err error) {
	if err := storage.CheckRecord(a.Entry.Site, &a); err != nil {
		return claim, err
	}
	e := a.Entry
	e.Begun, e.SendBy, e.Settled = whole(e.Begun), whole(e.SendBy), whole(e.Settled)
	sending := e.Outcome == storage.Sending
	err = s.write(ctx, "Begin", func(run runner) error {
		claim = storage.Claim{}
		chain, err := s.lock(ctx, run, e.Site)
		if err != nil {
			return err
		}
		q, args := entryByKey, []any{e.Site, e.Member, e.RequestID}
		if sending && a.ShareWithin > 0 {
			q = shareable
			args = append(args, e.Door, string(e.Action), e.Begun.Add(-a.ShareWithin).UnixMicro(), e.Begun.Add(a.ShareWithin).UnixMicro())
		}
		rows, err := run.query(ctx, q, args...)
		found, err := collect(rows, err, scanEntry(e.Site))
		if err != nil {
			return err
		}
		for _, f := range found {
			if f.RequestID == e.RequestID {
				claim = storage.Claim{State: storage.Known, Entry: f}
				return errKeep
			}
		}
		if sending && e.Action != access.Lock && chain.off {
			claim.State = storage.SwitchedOff
			return errKeep
		}
		b := batch{dialect: s.dialect}
		if len(found) > 0 {
			lead := found[0]
			claim = storage.Claim{State: storage.Shared, Entry: lead}
			e.Outcome, e.Seq, e.SharedWith = "", 0, lead.RequestID
			insertEntry(&b, e)
			return b.run(ctx, run)
		}
		e.SharedWith, e.Seq = "", chain.append(&b, a.Log)
		insertEntry(&b, e)
		claim = storage.Claim{State: storage.Claimed, Entry: e}
		return b.run(ctx, run)
	})
	if err != nil {
		return storage.Claim{}, err
	}
	return claim, nil
}

func insertEntry(b *batch, e storage.JournalEntry) {
	b.add("INSERT INTO doorkit_journal (site, "+entryColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		e.Site, e.Member, e.RequestID, e.AttemptID, e.Fingerprint, e.Door, string(e.Action), string(e.Outcome),
		micros(e.Begun), micros(e.SendBy), micros(e.Settled), int64(e.Seq), e.SharedWith, blob(e.Doc))
}

// Two starts of a hold are merged: the later start is kept, and the hold is certain if
// one of them is. Only the outcome of a command that was Sending, or a late proof,
// inserts a hold.
const (
	insertHold = `INSERT INTO doorkit_holds AS h (site, door, member, request_id, since, uncertain) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (site, door, member) WHERE member <> '' DO UPDATE SET uncertain = h.uncertain * excluded.uncertain,
			request_id = CASE WHEN excluded.since < h.since THEN h.request_id ELSE excluded.request_id END,
			since = CASE WHEN excluded.since < h.since THEN h.since ELSE excluded.since END`
	renewHold = `UPDATE doorkit_holds SET uncertain = uncertain * $6,
			request_id = CASE WHEN $5 < since THEN request_id ELSE $4 END, since = CASE WHEN $5 < since THEN since ELSE $5 END
		WHERE site = $1 AND door = $2 AND member = $3`
	endHolds = `DELETE FROM doorkit_holds WHERE site = $1 AND door = $2 AND since <= $3 AND NOT EXISTS (SELECT 1 FROM doorkit_journal j
		WHERE j.site = doorkit_holds.site AND j.member = doorkit_holds.member AND j.request_id = doorkit_holds.request_id AND j.settled > $3)`
)

// Settle implements storage.Journal.
func (s *Store) Settle(ctx context.Context, st storage.Settlement) (done storage.Settled, err error) {
	if err := storage.CheckRecord(st.Site, &st); err != nil {
		return done, err
	}
	key := st.RequestKey
	err = s.write(ctx, "Settle", func(run runner) error {
		done = storage.Settled{}
		chain, err := s.lock(ctx, run, key.Site)
		if err != nil {
			return err
		}
		e, err := scanEntry(key.Site)(run.row(ctx, entryByKey, key.Site, key.Member, key.RequestID))
		switch {
		case missing(err) || err == nil && e.SharedWith != "":
			return notFound("command", key.RequestID)
		case err != nil:
			return err
		case e.Outcome == st.Outcome && e.Outcome.Settled():
			done.Entry = e
			if st.CheckIn != nil {
				done.CheckIn, err = checkIn(ctx, run, key.Site, st.CheckIn)
			}
			if err != nil {
				return err
			}
			return errKeep
		case !settles(e.Outcome, st.Outcome):
			return conflict("the command %q is %s, not to become %s", key.RequestID, e.Outcome, st.Outcome)
		}
		was := e.Outcome
		e.Outcome, e.Settled, e.Doc = st.Outcome, whole(st.At), st.Doc
		done.Entry = e
		b := batch{dialect: s.dialect}
		chain.append(&b, st.Log)
		b.add("UPDATE doorkit_journal SET outcome = $4, settled = $5, doc = $6 WHERE site = $1 AND member = $2 AND request_id = $3",
			key.Site, key.Member, key.RequestID, string(e.Outcome), micros(e.Settled), blob(e.Doc))
		if err := b.run(ctx, run); err != nil {
			return err
		}
		if c := st.CheckIn; c != nil {
			n, err := run.exec(ctx, `INSERT INTO doorkit_check_ins (site, member, visit, door, action, request_id, at, day)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (site, member, visit) DO NOTHING`, key.Site, c.Member, c.Key, c.Door, string(c.Action), c.RequestID, micros(c.At), c.Day)
			if err != nil {
				return err
			}
			if n == 1 {
				c = new(*c)
				c.At = whole(c.At)
				done.CheckIn = c
			} else if done.CheckIn, err = checkIn(ctx, run, key.Site, c); err != nil {
				return err
			}
		}
		if h := st.Hold; h != nil {
			q := insertHold
			if was != storage.Sending && !st.RestartHold {
				q = renewHold
			}
			if _, err := run.exec(ctx, q, key.Site, h.Door, h.Member, h.RequestID, micros(h.Since), truth(h.Uncertain)); err != nil {
				return err
			}
		}
		if !st.EndHolds.IsZero() {
			_, err = run.exec(ctx, endHolds, key.Site, e.Door, micros(st.EndHolds))
		}
		return err
	})
	if err != nil {
		return storage.Settled{}, err
	}
	return done, nil
}

// settles reports whether the outcome to may follow from.
func settles(from, to storage.Outcome) bool {
	switch from {
	case storage.Sending:
		return to.Settled()
	case storage.Unconfirmed:
		return to == storage.Accepted || to == storage.Refused || to == storage.NotSent
	}
	return false
}

// Wait implements storage.Journal. It polls: at first often, because most commands are
// answered soon, then four to eight times a second.
func (s *Store) Wait(ctx context.Context, key storage.RequestKey, known storage.Outcome) (storage.JournalEntry, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		e, err := scanEntry(key.Site)(s.read.row(ctx, entryByKey, key.Site, key.Member, key.RequestID))
		switch {
		case missing(err):
			return storage.JournalEntry{}, notFound("request", key.RequestID)
		case err != nil:
			return storage.JournalEntry{}, fail(ctx, "Wait", err)
		case e.Outcome != known:
			return e, nil
		}
		if err := rest(ctx, pause); err != nil {
			return storage.JournalEntry{}, fail(ctx, "Wait", err)
		}
	}
}

// rest waits for about d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Entries implements storage.Journal.
func (s *Store) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	f := filter{dialect: s.dialect}
	f.and("site = ", q.Site)
	f.and("outcome = ", string(q.Outcome))
	if !q.SendByBefore.IsZero() {
		f.and("send_by < ", micros(q.SendByBefore))
	}
	if !q.BegunSince.IsZero() {
		f.and("begun >= ", micros(q.BegunSince))
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	f.args = append(f.args, limit)
	rows, err := s.read.query(ctx, "SELECT "+entryColumns+" FROM doorkit_journal WHERE "+strings.Join(f.where, " AND ")+
		" ORDER BY begun, member, request_id LIMIT $"+strconv.Itoa(len(f.args)), f.args...)
	list, err := collect(rows, err, scanEntry(q.Site))
	return list, fail(ctx, "Entries", err)
}

// Prune implements storage.Journal.
func (s *Store) Prune(ctx context.Context, site string, before time.Time) (int, error) {
	return s.pieces(ctx, "Prune", func(run runner) (int, error) {
		n, err := run.exec(ctx, `DELETE FROM doorkit_journal WHERE site = $1 AND (member, request_id) IN (
			SELECT member, request_id FROM doorkit_journal WHERE site = $1 AND outcome <> 'sending' AND begun < $2 LIMIT $3)`,
			site, before.UnixMicro(), piece)
		return int(n), err
	})
}

// whole truncates an instant to microseconds, as it is stored.
func whole(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// blob returns an empty document for nil, which NOT NULL refuses.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
