package sqlstore

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

const byKey = "site = $1 AND member = $2 AND request_id = $3"

// notAccepted is the condition of the journal's index by outcome.
const notAccepted = "outcome <> 'accepted'"

// lookup reads the kill switch, whether the member holds the door, and the journal's entry.
//
//go:embed queries/lookup.sql
var lookup string

// Lookup implements storage.Journal.
func (s *Store) Lookup(ctx context.Context, key storage.RequestKey, door string) (m storage.LookupResult, err error) {
	end, err := s.reading(ctx, &s.reads, key.Site)
	if err != nil {
		return m, fail(ctx, "Lookup", err)
	}
	defer end()
	var e storage.JournalEntry
	into := append(switchFields(&m.KillSwitch), &m.Holding)
	err = s.read.row(ctx, lookup, key.Site, key.Member, key.RequestID, door).Scan(append(into, entries.fields(nil, &e)...)...)
	if err != nil {
		return storage.LookupResult{}, fail(ctx, "Lookup", err)
	}
	if e.Site != "" {
		m.Entry = &e
	}
	return m, nil
}

// Begin implements storage.Journal.
func (s *Store) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	e := &a.Entry
	if err := storage.CheckRecord(e.Site, &a); err != nil {
		return storage.Claim{}, err
	}
	end, err := s.enter(ctx, e.Site, refusable)
	if err != nil {
		return storage.Claim{}, fail(ctx, "Begin", err)
	}
	defer end()
	if s.read.dialect == PostgreSQL {
		claim, done, err := s.beginUsual(ctx, a)
		if done || err != nil {
			return claim, fail(ctx, "Begin", err)
		}
	}
	return s.beginAny(ctx, a)
}

// beginUsual is Begin for an attempt that no other one concerns, on PostgreSQL.
func (s *Store) beginUsual(ctx context.Context, a storage.Attempt) (claim storage.Claim, done bool, err error) {
	// On a connection of its own: database/sql repeats a statement on its pool if a driver
	// reports a broken connection, and the claim would be found as that of another call.
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return claim, false, err
	}
	defer conn.Close()
	claim, row := a.Claim(nil, nil, false)
	g := guard{key: a.Entry.RequestKey, switched: a.Entry.Outcome == storage.Sending && a.Entry.Action != access.Lock}
	if a.Shares() {
		g.share = &a
	}
	c := newCommit(ctx, a.Entry.Site, g, a.Log)
	c.add(entries.insertNext(a.Entry.Site, *row))
	done, err = c.run(ctx, runner{dialect: PostgreSQL, on: conn}, "SELECT seq FROM s0", &claim.Entry.Seq)
	if !done {
		return storage.Claim{}, false, err
	}
	return claim, true, nil
}

// beginAny is Begin for any attempt, in a transaction.
func (s *Store) beginAny(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	e := &a.Entry
	// The entry under the key, and the command that this tap may share. A row that shares
	// a command has no outcome, so it is never selected.
	where, args := byKey, []any{e.Site, e.Member, e.RequestID}
	if a.Shares() {
		where += " UNION ALL SELECT * FROM (SELECT " + entries.columns + ` FROM doorkit_journal j
			WHERE j.site = $1 AND j.door = $4 AND j.begun > $6 AND j.begun < $7 AND j.member = $2 AND j.action = $5
				AND j.outcome IN ('sending', 'accepted', 'unconfirmed')
			AND NOT EXISTS (SELECT 1 FROM doorkit_journal o WHERE o.site = $1 AND o.door = $4 AND o.begun > j.begun AND o.action <> $5
				AND o.outcome IN ('sending', 'accepted', 'unconfirmed'))
			ORDER BY j.begun DESC, j.seq DESC LIMIT 1) AS lead`
		args = append(args, e.Door, string(e.Action), e.Begun.Add(-a.ShareWithin).UnixMicro(), e.Begun.Add(a.ShareWithin).UnixMicro())
	}
	return transactLocked(ctx, s, "Begin", e.Site, func(run runner, chain *chain) (storage.Claim, error) {
		found, err := entries.list(ctx, run, where, args...)
		if err != nil {
			return storage.Claim{}, err
		}
		var known, lead *storage.JournalEntry
		for i := range found {
			if found[i].RequestID == e.RequestID {
				known = &found[i]
			} else {
				lead = &found[i]
			}
		}
		claim, row := a.Claim(known, lead, chain.off)
		if row == nil {
			return claim, errNoChange
		}
		var b batch
		if claim.State == storage.Claimed {
			row.Seq = chain.append(&b, a.Log)
			claim.Entry.Seq = row.Seq
		}
		b.add(entries.insert(row.Site, *row))
		return claim, b.run(ctx, run)
	})
}

// writeHold merges two starts of a hold: the later start is kept, and the hold is certain if
// one of them is. Only the outcome of a command that was Sending, or a late proof, starts one
// ($7 is 1).
//
//go:embed queries/write_hold.sql
var writeHold string

//go:embed queries/end_holds.sql
var endHolds string

// Settle implements storage.Journal.
func (s *Store) Settle(ctx context.Context, st storage.Settlement) (*storage.CheckIn, error) {
	if err := storage.CheckRecord(st.Site, &st); err != nil {
		return nil, err
	}
	end, err := s.enter(ctx, st.Site, first)
	if err != nil {
		return nil, fail(ctx, "Settle", err)
	}
	defer end()
	if s.read.dialect == PostgreSQL && st.Hold == nil && st.EndHolds.IsZero() {
		checkIn, done, err := s.settleUsual(ctx, st)
		if done || err != nil {
			return checkIn, fail(ctx, "Settle", err)
		}
	}
	return s.settleAny(ctx, st)
}

// settleUsual is Settle for an entry that is Sending, on PostgreSQL.
func (s *Store) settleUsual(ctx context.Context, st storage.Settlement) (checkIn *storage.CheckIn, done bool, err error) {
	if !st.Outcome.Settled() {
		return nil, false, nil
	}
	c := newCommit(ctx, st.Site, guard{key: st.RequestKey, known: string(storage.Sending)}, st.Log)
	c.add("UPDATE doorkit_journal j SET outcome = $4, settled = $5, doc = $6 FROM s0 "+
		"WHERE j.site = $1 AND j.member = $2 AND j.request_id = $3 RETURNING j.seq",
		[]any{st.Site, st.Member, st.RequestID, string(st.Outcome), micros(st.At), stored(&st.Doc)})
	into := []any{new(int64)}
	last := fmt.Sprintf("SELECT * FROM s%d", len(c.texts)-1)
	if st.CheckIn != nil { // the update, which changes nothing, returns the stored check-in
		q, args := checkIns.insertNext(st.Site, *st.CheckIn)
		c.add(q+" ON CONFLICT (site, member, visit) DO UPDATE SET visit = excluded.visit RETURNING "+checkIns.columns, args)
		last += fmt.Sprintf(", s%d", len(c.texts)-1)
		checkIn = &storage.CheckIn{}
		into = append(into, checkIns.fields(new(string), checkIn)...)
	}
	done, err = c.run(ctx, s.read, last, into...)
	if !done {
		return nil, false, err
	}
	return checkIn, true, nil
}

// settleAny is Settle for any entry, in a transaction.
func (s *Store) settleAny(ctx context.Context, st storage.Settlement) (*storage.CheckIn, error) {
	key := st.RequestKey
	return transactLocked(ctx, s, "Settle", key.Site, func(run runner, chain *chain) (checkIn *storage.CheckIn, err error) {
		e, err := entries.one(ctx, run, byKey, key.Site, key.Member, key.RequestID)
		if err != nil {
			return nil, err
		}
		was, err := st.Apply(e)
		if err != nil {
			return nil, err
		}
		c := st.CheckIn
		if was == st.Outcome {
			if c != nil {
				checkIn, err = checkIns.one(ctx, run, "site = $1 AND member = $2 AND visit = $3", key.Site, c.Member, c.Key)
			}
			return checkIn, cmp.Or(err, errNoChange)
		}
		var b batch
		chain.append(&b, st.Log)
		b.add("UPDATE doorkit_journal SET outcome = $4, settled = $5, doc = $6 WHERE "+byKey,
			[]any{key.Site, key.Member, key.RequestID, string(e.Outcome), micros(e.Settled), stored(&e.Doc)})
		if err := b.run(ctx, run); err != nil {
			return nil, err
		}
		if c != nil { // the update, which changes nothing, returns the stored check-in
			q, args := checkIns.insert(key.Site, *c)
			first, err := checkIns.scan(run.row(ctx, q+" ON CONFLICT (site, member, visit) DO UPDATE SET visit = excluded.visit RETURNING "+
				checkIns.columns, args...))
			if err != nil {
				return nil, err
			}
			checkIn = &first
		}
		if h := st.Hold; h != nil {
			starts := was == storage.Sending || st.RestartHold
			_, err := run.exec(ctx, writeHold, key.Site, h.Door, h.Member, h.RequestID, micros(h.Since), asInt(h.Uncertain), asInt(starts))
			if err != nil {
				return nil, err
			}
		}
		if !st.EndHolds.IsZero() {
			_, err = run.exec(ctx, endHolds, key.Site, e.Door, micros(st.EndHolds))
		}
		return checkIn, err
	})
}

// Wait implements storage.Journal. It polls: at first often, because most commands are
// answered soon, then four to eight times a second.
func (s *Store) Wait(ctx context.Context, key storage.RequestKey, known storage.Outcome) (storage.JournalEntry, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		e, err := s.entry(ctx, key)
		switch {
		case err != nil:
			return storage.JournalEntry{}, fail(ctx, "Wait", err)
		case e == nil:
			return storage.JournalEntry{}, storage.NotFound("request", key.RequestID)
		case e.Outcome != known:
			return *e, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return storage.JournalEntry{}, fail(ctx, "Wait", err)
		}
	}
}

func (s *Store) entry(ctx context.Context, key storage.RequestKey) (*storage.JournalEntry, error) {
	end, err := s.reading(ctx, &s.reads, key.Site)
	if err != nil {
		return nil, err
	}
	defer end()
	return entries.one(ctx, s.read, byKey, key.Site, key.Member, key.RequestID)
}

// sleep waits for about d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
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
	var f filter
	f.and("site = ? AND outcome = ?", q.Site, string(q.Outcome))
	if q.Outcome != storage.Accepted {
		f.and(notAccepted)
	}
	if !q.SendByBefore.IsZero() {
		f.and("send_by < ?", micros(q.SendByBefore))
	}
	f.span("begun", q.BegunSince, q.SendByBefore) // which is later
	return entries.find(ctx, s, "Entries", f, "begun, member, request_id", cmp.Or(max(q.Limit, 0), 1000))
}

// Prune implements storage.Journal.
func (s *Store) Prune(ctx context.Context, site string, before time.Time) (int, error) {
	return s.inChunks(ctx, "Prune", "", chunk, func(run runner) (int, error) {
		n, err := run.exec(ctx, `DELETE FROM doorkit_journal WHERE site = $1 AND (member, request_id) IN (
			SELECT member, request_id FROM doorkit_journal WHERE site = $1 AND outcome <> 'sending' AND begun < $2
			ORDER BY site, begun LIMIT $3)`,
			site, before.UnixMicro(), chunk)
		return int(n), err
	})
}
