package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/doorkit/doorkit/access/gate/storage"
)

const reservationColumns = "id, version, resource, member, starts, ends, ended_at, status, guests"

func scanReservation(row scanner) (r storage.Reservation, err error) {
	var start, end, ended sql.NullInt64
	var guests string
	if err := row.Scan(&r.ID, &r.Version, &r.Resource, &r.Member, &start, &end, &ended, &r.Status, &guests); err != nil {
		return r, err
	}
	r.Start, r.End, r.EndedAt = instant(start), instant(end), instant(ended)
	return r, readJSON(guests, &r.Guests)
}

// mostRows is the largest page of reservations. Each page searches and sorts again,
// because there is no index on a site's reservations by start. Pages grow, so that a
// long list, such as an export, is read in few of them.
const mostRows = 128 * pageSize

// Reservations implements storage.ReservationReader. Each page is a separate snapshot.
func (f facts) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	selected := f.selected(q)
	return func(yield func(storage.Reservation, error) bool) {
		if q.Resources != nil && len(q.Resources) == 0 {
			return
		}
		for _, id := range q.Resources { // encoding to JSON would change an invalid id
			if err := unfit([]any{id}); err != nil {
				yield(storage.Reservation{}, err)
				return
			}
		}
		size := pageSize
		for page := selected; ; {
			text := "SELECT " + reservationColumns + " FROM doorkit_reservations WHERE " + strings.Join(page.where, " AND ") +
				" ORDER BY starts, id LIMIT $" + strconv.Itoa(len(page.args)+1)
			rows, err := f.read.query(ctx, text, append(slices.Clip(page.args), size)...) // a copy: another goroutine may iterate as well
			list, err := collect(rows, err, scanReservation)
			if err != nil {
				yield(storage.Reservation{}, fail(ctx, "Reservations", err))
				return
			}
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
			}
			if len(list) < size {
				return
			}
			size = min(2*size, mostRows)
			last := list[len(list)-1]
			page = selected.clone()
			page.args = append(page.args, micros(last.Start), last.ID)
			n := len(page.args)
			page.where = append(page.where, "(starts, id) > ($"+strconv.Itoa(n-1)+", $"+strconv.Itoa(n)+")")
		}
	}
}

// selected returns the conditions of q.
func (f facts) selected(q storage.ReservationQuery) filter {
	c := filter{dialect: f.dialect}
	c.and("site = ", q.Site)
	if q.Member != "" {
		c.and("member = ", q.Member)
	}
	if q.Resources != nil {
		ids, _ := json.Marshal(q.Resources) // strings always marshal
		c.args = append(c.args, string(ids))
		c.where = append(c.where, "resource IN "+f.dialect.list("$"+strconv.Itoa(len(c.args))))
	}
	if !q.EndAfter.IsZero() {
		c.either("effective > ", "starts > ", micros(q.EndAfter))
	}
	if !q.StartBefore.IsZero() {
		c.either("starts < ", "effective < ", micros(q.StartBefore))
	}
	return c
}

// Reservation implements storage.ReservationStore.
func (f facts) Reservation(ctx context.Context, site, id string) (storage.Reservation, error) {
	r, err := scanReservation(f.read.row(ctx, "SELECT "+reservationColumns+" FROM doorkit_reservations WHERE site = $1 AND id = $2", site, id))
	if missing(err) {
		return storage.Reservation{}, notFound("reservation", id)
	}
	return r, fail(ctx, "Reservation", err)
}

// PutReservation implements storage.ReservationStore.
func (f facts) PutReservation(ctx context.Context, site string, r storage.Reservation) error {
	r, err := storage.Normalize(site, r)
	if err != nil {
		return err
	}
	return f.in(ctx, "PutReservation", func(run runner) error {
		stored := func() (storage.Reservation, error) { return f.on(run).Reservation(ctx, site, r.ID) }
		if err := storage.CheckReferences(r, stored, f.missing(ctx, run, site)); err != nil {
			return err
		}
		err := versioned{
			what: "reservation", id: r.ID, version: r.Version,
			insert: `INSERT INTO doorkit_reservations (site, id, version, resource, member, starts, ends, ended_at, effective, status, guests)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (site, id) DO NOTHING`,
			update: `UPDATE doorkit_reservations SET version = version + 1, resource = $4, member = $5, starts = $6, ends = $7,
				ended_at = $8, effective = $9, status = $10, guests = $11 WHERE site = $1 AND id = $2 AND version = $3`,
			columns: []any{
				r.Resource, r.Member, micros(r.Start), micros(r.End), micros(r.EndedAt), micros(r.EffectiveEnd()), string(r.Status), jsonText(r.Guests),
			},
		}.put(ctx, run, site)
		if err != nil {
			return err
		}
		if r.Version > 0 {
			if _, err := run.exec(ctx, "DELETE FROM doorkit_guests WHERE site = $1 AND reservation = $2", site, r.ID); err != nil {
				return err
			}
		}
		for _, guest := range r.Guests {
			if _, err := run.exec(ctx, "INSERT INTO doorkit_guests (site, reservation, member, resource, starts, effective) "+
				"VALUES ($1, $2, $3, $4, $5, $6)",
				site, r.ID, guest, r.Resource, micros(r.Start), micros(r.EffectiveEnd())); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteReservation implements storage.ReservationStore.
func (f facts) DeleteReservation(ctx context.Context, site, id string) error {
	return f.delete(ctx, "DeleteReservation", "reservation", site, id, "DELETE FROM doorkit_reservations WHERE site = $1 AND id = $2",
		"DELETE FROM doorkit_guests WHERE site = $1 AND reservation = $2")
}
