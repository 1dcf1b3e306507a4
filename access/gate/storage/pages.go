package storage

import (
	"iter"
	"slices"
	"time"
)

// Pages implements a method that returns an iterator: nothing is held between the pages
// that it reads. page returns at most size rows, those after last, which is nil for the
// first page. The first page has 500 rows, and each has twice as many as the one before,
// up to most. A limit of 0 is no limit.
func Pages[T any](limit, most int, page func(last *T, size int) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last *T
		for size, left := min(500, most), limit; ; size = min(2*size, most) {
			if limit > 0 {
				size = min(size, left)
			}
			rows, err := page(last, size)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			left -= len(rows)
			if len(rows) < size || limit > 0 && left == 0 {
				return
			}
			last = &rows[len(rows)-1]
		}
	}
}

// PageByTime reads one page of rows that are sorted by a time, and returns where the next
// page begins, zero if this is the last one. The rows of one instant are on one page, which
// may therefore be shorter or longer than limit, which must be at least 1. read returns at
// most limit rows in [from, until), all of them if limit is 0; at returns the time of a row.
func PageByTime[T any](
	from, until time.Time, limit int, at func(T) time.Time, read func(from, until time.Time, limit int) ([]T, error),
) (rows []T, next time.Time, err error) {
	rows, err = read(from, until, limit+1)
	if err != nil || len(rows) <= limit {
		return rows, next, err
	}
	last := at(rows[limit])
	if i := slices.IndexFunc(rows, func(x T) bool { return at(x).Equal(last) }); i > 0 {
		return rows[:i], last, nil
	}
	next = last.Add(time.Microsecond) // the precision of every storage
	rows, err = read(last, next, 0)
	return rows, next, err
}
