package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Holds implements storage.Holds.
func (s *Store) Holds(ctx context.Context, site string) ([]storage.Hold, error) {
	var f filter
	f.and("site = ?", site)
	return holds.find(ctx, s, "Holds", f, "door, since, member", 0)
}

// EndHolds implements storage.Holds.
func (s *Store) EndHolds(ctx context.Context, site, door string, until time.Time, e storage.LogEntry) ([]storage.Hold, error) {
	if err := storage.CheckRecord(site, &e); err != nil {
		return nil, err
	}
	return writeLocked(ctx, s, "EndHolds", site, func(run runner, chain *chain) ([]storage.Hold, error) {
		where, args := "site = $1 AND door = $2 AND since <= $3", []any{site, door, until.UnixMicro()}
		ended, err := holds.list(ctx, run, where+" ORDER BY since, member", args...)
		if err != nil || len(ended) == 0 {
			return nil, cmp.Or(err, errNoChange)
		}
		var b batch
		b.add("DELETE FROM doorkit_holds WHERE "+where, args)
		chain.append(&b, e)
		return ended, b.run(ctx, run)
	})
}

func switchFields(w *storage.KillSwitch) []any {
	return []any{&w.Off, &w.By, &w.Why, instant{&w.At}}
}

// KillSwitch implements storage.KillSwitches.
func (s *Store) KillSwitch(ctx context.Context, site string) (w storage.KillSwitch, err error) {
	row := s.read.row(ctx, "SELECT switch_off, switch_by, switch_why, switch_at FROM doorkit_chains WHERE site = $1", site)
	err = optional(row.Scan(switchFields(&w)...))
	return w, fail(ctx, "KillSwitch", err)
}

// SetKillSwitch implements storage.KillSwitches.
func (s *Store) SetKillSwitch(ctx context.Context, site string, w storage.KillSwitch, e storage.LogEntry) error {
	if err := cmp.Or(storage.CheckRecord(site, &w), storage.CheckRecord(site, &e)); err != nil {
		return err
	}
	_, err := writeLocked(ctx, s, "SetKillSwitch", site, func(run runner, chain *chain) (int64, error) {
		var b batch
		chain.append(&b, e)
		if err := b.run(ctx, run); err != nil {
			return 0, err
		}
		return run.exec(ctx, "UPDATE doorkit_chains SET switch_off = $2, switch_by = $3, switch_why = $4, switch_at = $5 WHERE site = $1",
			site, asInt(w.Off), w.By, w.Why, micros(w.At))
	})
	return err
}

// CheckIns implements storage.CheckIns.
func (s *Store) CheckIns(ctx context.Context, q storage.CheckInQuery) ([]storage.CheckIn, error) {
	var f filter
	f.and("site = ?", q.Site)
	f.equal("member", q.Member)
	f.span("at", q.From, q.Until)
	return checkIns.find(ctx, s, "CheckIns", f, "at, member, visit", q.Limit)
}

// Cursor implements storage.VendorLog.
func (s *Store) Cursor(ctx context.Context, site string) (place string, err error) {
	err = optional(s.read.row(ctx, "SELECT place FROM doorkit_cursors WHERE site = $1", site).Scan(&place))
	return place, fail(ctx, "Cursor", err)
}

// Ingest implements storage.VendorLog.
func (s *Store) Ingest(ctx context.Context, site, was, next string, entries []storage.VendorEntry) (fresh int, err error) {
	if err := storage.CheckEntries(site, next, entries); err != nil {
		return 0, err
	}
	err = s.write(ctx, "Ingest", func(run runner) error {
		if _, err := run.exec(ctx, "INSERT INTO doorkit_cursors (site, place) VALUES ($1, '') ON CONFLICT (site) DO NOTHING", site); err != nil {
			return err
		}
		n, err := run.exec(ctx, "UPDATE doorkit_cursors SET place = $3 WHERE site = $1 AND place = $2", site, was, next)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("sqlstore: another process reads the lock system's log of site %q: %w", site, storage.ErrConflict)
		}
		// Many rows per statement, which is a round trip, and few different statements.
		for len(entries) > 0 {
			rows := 50
			if len(entries) < rows {
				rows = 1
			}
			q, args := vendorEntries.insert(site, entries[:rows]...)
			n, err := run.exec(ctx, q+" ON CONFLICT (site, id) DO NOTHING", args...)
			if err != nil {
				return err
			}
			fresh += int(n)
			entries = entries[rows:]
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return fresh, nil
}

// VendorEntries implements storage.VendorLog.
func (s *Store) VendorEntries(ctx context.Context, q storage.VendorQuery) ([]storage.VendorEntry, error) {
	var f filter
	f.and("site = ?", q.Site)
	f.equal("lock_id", q.Lock)
	f.equal("user_id", q.User)
	f.span("at", q.From, q.Until)
	return vendorEntries.find(ctx, s, "VendorEntries", f, "at, id", q.Limit)
}

// PruneVendor implements storage.VendorLog.
func (s *Store) PruneVendor(ctx context.Context, site string, before time.Time) (int, error) {
	return s.inChunks(ctx, "PruneVendor", "", chunk, func(run runner) (int, error) {
		n, err := run.exec(ctx, `DELETE FROM doorkit_vendor_log WHERE site = $1 AND id IN (SELECT id FROM doorkit_vendor_log
			WHERE site = $1 AND at < $2 ORDER BY at LIMIT $3)`, site, before.UnixMicro(), chunk)
		return int(n), err
	})
}
