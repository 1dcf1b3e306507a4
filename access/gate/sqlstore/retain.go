package sqlstore

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Retain implements storage.DoorLog.
func (s *Store) Retain(ctx context.Context, site string, before time.Time, e storage.LogEntry) (base storage.Head, removed int, err error) {
	if err := storage.CheckRecord(site, &e); err != nil {
		return base, 0, err
	}
	base, last, err := s.oldRows(ctx, site, before)
	if err != nil {
		return storage.Head{}, 0, fail(ctx, "Retain", err)
	}
	if last.Seq > base.Seq {
		appended := false
		removed, err = s.inChunks(ctx, "Retain", site, lockedChunk, func(run runner) (n int, err error) {
			base, n, err = s.retain(ctx, run, site, last, e, appended)
			appended = true
			return n, err
		})
	}
	if err != nil {
		return storage.Head{}, removed, err // base may be that of a commit that failed
	}
	// Clean what an Erase could not clean because others were reading.
	_, err = s.clean(ctx)
	return base, removed, fail(ctx, "Retain", err)
}

// oldRows returns the base of the log and the last of the rows to remove, which is zero if
// there are none. The log only grows, so what is read here without a lock stays valid. The
// sign prevents a search by time, which would read all rows that are kept.
func (s *Store) oldRows(ctx context.Context, site string, before time.Time) (base, last storage.Head, err error) {
	base, _, err = s.ends(ctx, site)
	if err != nil {
		return base, last, err
	}
	err = s.read.row(ctx, `SELECT seq, hash FROM doorkit_log WHERE site = $1 AND seq > $2 AND seq < COALESCE((SELECT seq FROM doorkit_log
			WHERE site = $1 AND seq > $2 AND +at >= $3 ORDER BY seq LIMIT 1), 9223372036854775807)
		ORDER BY seq DESC LIMIT 1`, site, int64(base.Seq), before.UnixMicro()).Scan(&last.Seq, digest{&last.Hash})
	return base, last, optional(err)
}

// retain removes the next rows up to last, and appends e to the chain unless appended
// is true.
func (s *Store) retain(ctx context.Context, run runner, site string, last storage.Head, e storage.LogEntry,
	appended bool) (next storage.Head, n int, err error) {
	chain, err := s.lock(ctx, run, site)
	if err != nil {
		return next, 0, err
	}
	base := chain.base
	if base.Seq >= last.Seq { // another call has removed them
		return base, 0, errNoChange
	}
	if next = last; last.Seq-base.Seq > lockedChunk {
		next.Seq = base.Seq + lockedChunk
		err := run.row(ctx, "SELECT hash FROM doorkit_log WHERE site = $1 AND seq = $2", site, int64(next.Seq)).Scan(digest{&next.Hash})
		if err != nil {
			return next, 0, err
		}
	}
	if !appended {
		var b batch
		chain.append(&b, e.Retention(last))
		if err := b.run(ctx, run); err != nil {
			return next, 0, err
		}
	}
	// The lower bound matters: until its next ANALYZE, PostgreSQL expects that what was
	// removed is still there, and would read the whole table.
	var b batch
	b.add("DELETE FROM doorkit_log WHERE site = $1 AND seq > $2 AND seq <= $3", []any{site, int64(base.Seq), int64(next.Seq)})
	b.add("UPDATE doorkit_chains SET base_seq = $2, base_hash = $3 WHERE site = $1", []any{site, int64(next.Seq), next.Hash[:]})
	return next, int(next.Seq - base.Seq), b.run(ctx, run)
}

// Erase implements storage.Eraser. Each commit removes the details of some rows of the log;
// the last one, which is the only one unless there are many, removes everything else too.
func (s *Store) Erase(ctx context.Context, site, person string, before time.Time) (erased storage.Erased, err error) {
	if person == "" {
		return erased, storage.NotFound("person", person) // rows without an actor are not theirs
	}
	_, err = s.inChunks(ctx, "Erase", site, lockedChunk, func(run runner) (n int, err error) {
		if _, err := s.lock(ctx, run, site); err != nil {
			return 0, err
		}
		// An OR of both columns would read all rows on SQLite.
		for _, column := range []string{"member", "actor"} {
			changed, err := run.exec(ctx, eraseDetail+"site = $1 AND seq IN (SELECT seq FROM doorkit_log WHERE site = $1 AND "+
				column+" = $2 AND "+column+" <> '' ORDER BY seq LIMIT $3)", site, person, lockedChunk-n)
			if err != nil {
				return 0, err
			}
			n += int(changed)
		}
		if erased.Rows += n; n == lockedChunk {
			return n, nil
		}
		notes, known, err := eraseRest(ctx, run, site, person, before)
		if erased.Rows += notes; err == nil && !known && erased.Rows == 0 {
			err = storage.NotFound("person", person)
		}
		return n, err
	})
	return s.cleaned(ctx, erased, err)
}

// eraseRest removes everything that names the person but the details of their rows of the
// log. It returns in how many notes of the log they were named, and whether they were
// named anywhere else.
func eraseRest(ctx context.Context, run runner, site, person string, before time.Time) (notes int, known bool, err error) {
	known, err = eraseSwitch(ctx, run, site, person)
	if err == nil {
		notes, err = eraseNotes(ctx, run, site, person)
	}
	var records int
	if err == nil {
		err = run.row(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM doorkit_journal WHERE site = $1 AND member = $2
			UNION ALL SELECT 1 FROM doorkit_check_ins WHERE site = $1 AND member = $2
			UNION ALL SELECT 1 FROM doorkit_holds WHERE site = $1 AND member = $2) named`, site, person).Scan(&records)
	}
	if err == nil {
		var b batch
		b.add(`DELETE FROM doorkit_journal WHERE site = $1 AND member = $2 AND outcome <> 'sending'
			AND begun < $3 AND (send_by IS NULL OR send_by < $3)`, []any{site, person, before.UnixMicro()})
		b.add("DELETE FROM doorkit_check_ins WHERE site = $1 AND member = $2", []any{site, person})
		b.add("UPDATE doorkit_holds SET member = '' WHERE site = $1 AND member = $2", []any{site, person})
		err = b.run(ctx, run)
	}
	return notes, known || records > 0, err
}

const eraseDetail = "UPDATE doorkit_log SET member = '', actor = '', salt = NULL, detail = NULL WHERE "

// eraseNotes removes the details of rows about no door whose note contains the
// person's id. They are few.
func eraseNotes(ctx context.Context, run runner, site, person string) (n int, err error) {
	list, err := logRows.list(ctx, run, "site = $1 AND door = ''", site)
	for _, r := range list {
		if err == nil && r.Names(person) {
			n++
			_, err = run.exec(ctx, eraseDetail+"site = $1 AND seq = $2", site, int64(r.Seq))
		}
	}
	return n, err
}

// eraseSwitch removes the person from the kill switch and reports whether it named
// them.
func eraseSwitch(ctx context.Context, run runner, site, person string) (named bool, err error) {
	var w storage.KillSwitch
	err = run.row(ctx, "SELECT switch_by, switch_why FROM doorkit_chains WHERE site = $1", site).Scan(&w.By, &w.Why)
	if err != nil || !w.Erase(person) {
		return false, err
	}
	_, err = run.exec(ctx, "UPDATE doorkit_chains SET switch_by = $2, switch_why = $3 WHERE site = $1", site, w.By, w.Why)
	return true, err
}

// EraseVendorUser implements storage.Eraser.
func (s *Store) EraseVendorUser(ctx context.Context, site, user string) (erased storage.Erased, err error) {
	if user == "" {
		return erased, storage.NotFound("user", user)
	}
	err = s.write(ctx, "EraseVendorUser", func(run runner) error {
		n, err := run.exec(ctx, "UPDATE doorkit_vendor_log SET user_id = '', detail = '', raw = $3 WHERE site = $1 AND user_id = $2", site,
			user, []byte{})
		erased.Rows = int(n)
		if err == nil && n == 0 {
			err = storage.NotFound("user", user)
		}
		return err
	})
	return s.cleaned(ctx, erased, err)
}

// cleaned cleans the file after an erasure that did not fail. The erasure is committed
// even if this fails.
func (s *Store) cleaned(ctx context.Context, erased storage.Erased, err error) (storage.Erased, error) {
	if err != nil {
		return storage.Erased{}, err
	}
	done, err := s.clean(ctx)
	erased.Pending = !done || err != nil
	return erased, nil
}

// clean moves everything from SQLite's write-ahead log into the file, where
// secure_delete has overwritten what was deleted, and empties the log. It returns false
// if other connections still read older data. On PostgreSQL a client cannot do this.
func (s *Store) clean(ctx context.Context) (done bool, err error) {
	if s.read.dialect != SQLite {
		return true, nil
	}
	end, err := s.enter(ctx, "", usual)
	if err != nil {
		return false, err
	}
	defer end()
	var busy, frames, moved int
	err = s.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	return err == nil && busy == 0, err
}
