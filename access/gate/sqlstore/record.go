package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// record is how a record of the gate is stored: its columns, and for each a pointer to
// the site or to a field, or a wrapped pointer.
type record[T any] struct {
	table, columns string
	fields         func(site *string, v *T) []any
}

var (
	entries = record[storage.JournalEntry]{"doorkit_journal", "site, member, request_id, attempt_id, fingerprint, door, action, outcome, " +
		"begun, send_by, settled, seq, shared_with, doc", func(_ *string, e *storage.JournalEntry) []any {
		return []any{&e.Site, &e.Member, &e.RequestID, &e.AttemptID, &e.Fingerprint, &e.Door, (*string)(&e.Action), (*string)(&e.Outcome),
			instant{&e.Begun}, instant{&e.SendBy}, instant{&e.Settled}, &e.Seq, &e.SharedWith, &e.Doc}
	}}
	logRows = record[storage.LogRow]{"doorkit_log", "site, seq, at, ref, door, action, outcome, reason, commitment, hash, " +
		"member, actor, salt, detail", func(site *string, r *storage.LogRow) []any {
		return []any{site, &r.Seq, instant{&r.At}, &r.Ref, &r.Door, &r.Action, (*string)(&r.Outcome), &r.Reason,
			digest{&r.Commitment}, digest{&r.Hash}, &r.Member, &r.Actor, &r.Salt, (*[]byte)(&r.Detail)}
	}}
	holds = record[storage.Hold]{"doorkit_holds", "site, door, member, request_id, since, uncertain",
		func(site *string, h *storage.Hold) []any {
			return []any{site, &h.Door, &h.Member, &h.RequestID, instant{&h.Since}, &h.Uncertain}
		}}
	checkIns = record[storage.CheckIn]{"doorkit_check_ins", "site, member, visit, door, action, request_id, at, day",
		func(site *string, c *storage.CheckIn) []any {
			return []any{site, &c.Member, &c.Key, &c.Door, (*string)(&c.Action), &c.RequestID, instant{&c.At}, &c.Day}
		}}
	vendorEntries = record[storage.VendorEntry]{"doorkit_vendor_log", "site, id, lock_id, at, what, detail, opened_by, user_id, raw",
		func(site *string, e *storage.VendorEntry) []any {
			return []any{site, &e.ID, &e.Lock, instant{&e.At}, &e.What, &e.Detail, &e.By, &e.User, &e.Raw}
		}}
)

func (r record[T]) scan(row scanner) (v T, err error) {
	var site string
	err = row.Scan(r.fields(&site, &v)...)
	return v, err
}

// one reads one record, or returns nil if there is none.
func (r record[T]) one(ctx context.Context, run runner, where string, args ...any) (*T, error) {
	v, err := r.scan(run.row(ctx, "SELECT "+r.columns+" FROM "+r.table+" WHERE "+where, args...))
	if noRows(err) {
		return nil, nil
	}
	return &v, err
}

// list reads records; where selects them and sorts them.
func (r record[T]) list(ctx context.Context, run runner, where string, args ...any) ([]T, error) {
	rows, err := run.query(ctx, "SELECT "+r.columns+" FROM "+r.table+" WHERE "+where, args...)
	return collect(rows, err, r.scan)
}

// find is list for a method that reads what a filter selects.
func (r record[T]) find(ctx context.Context, s *Store, op string, f filter, order string, limit int) ([]T, error) {
	where, args := f.text(order, limit)
	list, err := r.list(ctx, s.read, where, args...)
	return list, fail(ctx, op, err)
}

// insert returns the statement that inserts records, and its arguments.
func (r record[T]) insert(site string, records ...T) (q string, args []any) {
	var rows []string
	for i := range records {
		fields := r.fields(&site, &records[i])
		rows = append(rows, "("+placeholders(len(args)+1, len(fields))+")")
		for _, field := range fields {
			args = append(args, stored(field))
		}
	}
	return "INSERT INTO " + r.table + " (" + r.columns + ") VALUES " + strings.Join(rows, ", "), args
}

// stored returns the value of a field as it is stored.
func stored(field any) any {
	switch f := field.(type) {
	case *string:
		return *f
	case *uint64:
		return int64(*f)
	case *bool:
		return asInt(*f)
	case *[]byte:
		return append([]byte{}, *f...) // not nil, which NOT NULL refuses
	case instant:
		return micros(*f.t)
	case digest:
		return f.d[:]
	}
	panic(fmt.Sprintf("sqlstore: a field of type %T", field))
}

// instant scans an instant.
type instant struct{ t *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*i.t = time.Time{}
	case int64:
		*i.t = time.UnixMicro(v).UTC()
	default:
		return &Error{"read", Unreadable, fmt.Errorf("an instant is a %T", v)}
	}
	return nil
}

// micros returns an instant as it is stored.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// digest scans a digest.
type digest struct{ d *storage.Digest }

// Scan implements sql.Scanner.
func (d digest) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(d.d) {
		return &Error{"read", Unreadable, fmt.Errorf("a hash has %d bytes", len(b))}
	}
	copy(d.d[:], b)
	return nil
}
