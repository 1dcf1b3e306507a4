package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

const holdColumns = "door, member, request_id, since, uncertain"

func scanHold(row scanner) (h storage.Hold, err error) {
	var since sql.NullInt64
	var uncertain int64
	err = row.Scan(&h.Door, &h.Member, &h.RequestID, &since, &uncertain)
	h.Since, h.Uncertain = instant(since), uncertain != 0
	return h, err
}

// Holds implements storage.Holds.
func (s *Store) Holds(ctx context.Context, site string) ([]storage.Hold, error) {
	rows, err := s.read.query(ctx, "SELECT "+holdColumns+" FROM doorkit_holds WHERE site = $1 ORDER BY door, since, member", site)
	list, err := collect(rows, err, scanHold)
	return list, fail(ctx, "Holds", err)
}

// EndHolds implements storage.Holds.
func (s *Store) EndHolds(ctx context.Context, site, door string, until time.Time, e storage.LogEntry) (ended []storage.Hold, err error) {
	if err := storage.CheckRecord(site, &e); err != nil {
		return nil, err
	}
	err = s.write(ctx, "EndHolds", func(run runner) error {
		chain, err := s.lock(ctx, run, site)
		if err != nil {
			return err
		}
		args := []any{site, door, until.UnixMicro()}
		rows, err := run.query(ctx, "SELECT "+holdColumns+" FROM doorkit_holds WHERE site = $1 AND door = $2 AND since <= $3 "+
			"ORDER BY since, member", args...)
		ended, err = collect(rows, err, scanHold)
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return errKeep
		}
		b := batch{dialect: s.dialect}
		b.add("DELETE FROM doorkit_holds WHERE site = $1 AND door = $2 AND since <= $3", args...)
		chain.append(&b, e)
		return b.run(ctx, run)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// KillSwitch implements storage.KillSwitches.
func (s *Store) KillSwitch(ctx context.Context, site string) (storage.KillSwitch, error) {
	var sw storage.KillSwitch
	var off int64
	var at sql.NullInt64
	err := s.read.row(ctx, "SELECT switch_off, switch_by, switch_why, switch_at FROM doorkit_chains WHERE site = $1", site).Scan(&off,
		&sw.By, &sw.Why, &at)
	if missing(err) {
		return storage.KillSwitch{}, nil
	}
	sw.Off, sw.At = off != 0, instant(at)
	return sw, fail(ctx, "Switch", err)
}

// SetKillSwitch implements storage.KillSwitches.
func (s *Store) SetKillSwitch(ctx context.Context, site string, sw storage.KillSwitch, e storage.LogEntry) error {
	if err := cmp.Or(storage.CheckRecord(site, &sw), storage.CheckRecord(site, &e)); err != nil {
		return err
	}
	return s.write(ctx, "SetKillSwitch", func(run runner) error {
		chain, err := s.lock(ctx, run, site)
		if err != nil {
			return err
		}
		b := batch{dialect: s.dialect}
		chain.append(&b, e)
		if err := b.run(ctx, run); err != nil {
			return err
		}
		_, err = run.exec(ctx, "UPDATE doorkit_chains SET switch_off = $2, switch_by = $3, switch_why = $4, switch_at = $5 WHERE site = $1",
			site, truth(sw.Off), sw.By, sw.Why, micros(sw.At))
		return err
	})
}

const checkInColumns = "member, visit, door, action, request_id, at, day"

func scanCheckIn(row scanner) (c storage.CheckIn, err error) {
	var at sql.NullInt64
	err = row.Scan(&c.Member, &c.Key, &c.Door, &c.Action, &c.RequestID, &at, &c.Day)
	c.At = instant(at)
	return c, err
}

// checkIn reads the check-in under the key of c; nil when there is none.
func checkIn(ctx context.Context, run runner, site string, c *storage.CheckIn) (*storage.CheckIn, error) {
	found, err := scanCheckIn(run.row(ctx, "SELECT "+checkInColumns+" FROM doorkit_check_ins WHERE site = $1 AND member = $2 "+
		"AND visit = $3", site, c.Member, c.Key))
	if missing(err) {
		return nil, nil
	}
	return &found, err
}

// CheckIns implements storage.CheckIns.
func (s *Store) CheckIns(ctx context.Context, q storage.CheckInQuery) ([]storage.CheckIn, error) {
	f := filter{dialect: s.dialect}
	f.and("site = ", q.Site)
	if q.Member != "" {
		f.and("member = ", q.Member)
	}
	f.span("at", q.From, q.Until)
	rows, err := s.read.query(ctx, "SELECT "+checkInColumns+" FROM doorkit_check_ins WHERE "+f.text(" ORDER BY at, member, visit",
		q.Limit), f.args...)
	list, err := collect(rows, err, scanCheckIn)
	return list, fail(ctx, "CheckIns", err)
}

// Cursor implements storage.VendorLog.
func (s *Store) Cursor(ctx context.Context, site string) (place string, err error) {
	err = s.read.row(ctx, "SELECT place FROM doorkit_cursors WHERE site = $1", site).Scan(&place)
	if missing(err) {
		return "", nil
	}
	return place, fail(ctx, "Cursor", err)
}

const vendorColumns = "id, lock_id, at, what, detail, opened_by, user_id, raw"

// Ingest implements storage.VendorLog.
func (s *Store) Ingest(ctx context.Context, site, was, next string, entries []storage.VendorEntry) (fresh int, err error) {
	if err := storage.CheckEntries(site, next, entries); err != nil {
		return 0, err
	}
	err = s.write(ctx, "Ingest", func(run runner) error {
		fresh = 0
		if _, err := run.exec(ctx, "INSERT INTO doorkit_cursors (site, place) VALUES ($1, '') ON CONFLICT (site) DO NOTHING", site); err != nil {
			return err
		}
		n, err := run.exec(ctx, "UPDATE doorkit_cursors SET place = $3 WHERE site = $1 AND place = $2", site, was, next)
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("another process reads the lock system's log of site %q", site)
		}
		// Many rows per statement, few statements: each is a round trip.
		for len(entries) > 0 {
			some := entries[:min(len(entries), 50)]
			if len(some) < 50 {
				some = entries[:1]
			}
			entries = entries[len(some):]
			var q strings.Builder
			q.WriteString("INSERT INTO doorkit_vendor_log (site, " + vendorColumns + ") VALUES ")
			args := []any{site}
			for i, e := range some {
				if i > 0 {
					q.WriteString(", ")
				}
				q.WriteString("($1")
				for range 8 {
					args = append(args, nil)
					q.WriteString(", $" + strconv.Itoa(len(args)))
				}
				q.WriteString(")")
				copy(args[len(args)-8:], []any{e.ID, e.Lock, micros(e.At), e.What, e.Detail, e.By, e.User, blob(e.Raw)})
			}
			q.WriteString(" ON CONFLICT (site, id) DO NOTHING")
			n, err := run.exec(ctx, q.String(), args...)
			if err != nil {
				return err
			}
			fresh += int(n)
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
	f := filter{dialect: s.dialect}
	f.and("site = ", q.Site)
	if q.Lock != "" {
		f.and("lock_id = ", q.Lock)
	}
	if q.User != "" {
		f.and("user_id = ", q.User)
	}
	f.span("at", q.From, q.Until)
	rows, err := s.read.query(ctx, "SELECT "+vendorColumns+" FROM doorkit_vendor_log WHERE "+f.text(" ORDER BY at, id", q.Limit),
		f.args...)
	list, err := collect(rows, err, func(row scanner) (e storage.VendorEntry, err error) {
		var at sql.NullInt64
		err = row.Scan(&e.ID, &e.Lock, &at, &e.What, &e.Detail, &e.By, &e.User, &e.Raw)
		e.At = instant(at)
		return e, err
	})
	return list, fail(ctx, "VendorEntries", err)
}

// PruneVendor implements storage.VendorLog.
func (s *Store) PruneVendor(ctx context.Context, site string, before time.Time) (int, error) {
	return s.pieces(ctx, "PruneVendor", func(run runner) (int, error) {
		n, err := run.exec(ctx, `DELETE FROM doorkit_vendor_log WHERE site = $1 AND id IN (SELECT id FROM doorkit_vendor_log
			WHERE site = $1 AND at < $2 ORDER BY at LIMIT $3)`, site, before.UnixMicro(), piece)
		return int(n), err
	})
}
