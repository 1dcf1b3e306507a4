package storage

import "iter"

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
