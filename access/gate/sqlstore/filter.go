package sqlstore

import (
	"strconv"
	"strings"
	"time"
)

// filter collects conditions and their arguments.
type filter struct {
	where []string
	args  []any
}

// and adds a condition with a question mark for each argument.
func (f *filter) and(condition string, args ...any) {
	for _, arg := range args {
		f.args = append(f.args, arg)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(f.args)), 1)
	}
	f.where = append(f.where, condition)
}

// equal adds the condition that a column has a value, if there is a value.
func (f *filter) equal(column, value string) {
	if value != "" {
		f.and(column+" = ?", value)
	}
}

// span adds the conditions of a half-open span of time.
func (f *filter) span(column string, from, until time.Time) {
	if !from.IsZero() {
		f.and(column+" >= ?", micros(from))
	}
	if !until.IsZero() {
		f.and(column+" < ?", micros(until))
	}
}

// text returns the conditions, the order, and the limit unless it is 0, with the
// arguments of all.
func (f *filter) text(order string, limit int) (string, []any) {
	text := strings.Join(f.where, " AND ") + " ORDER BY " + order
	if limit > 0 {
		f.args = append(f.args, limit)
		text += " LIMIT $" + strconv.Itoa(len(f.args))
	}
	return text, f.args
}
