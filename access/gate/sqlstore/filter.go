package sqlstore

import (
	"strconv"
	"strings"
	"time"
)

// filter collects conditions and their arguments.
type filter struct {
	dialect Dialect
	where   []string
	args    []any
}

// and adds a condition, to which it appends the placeholder of arg.
func (f *filter) and(condition string, arg any) {
	f.args = append(f.args, arg)
	f.where = append(f.where, condition+"$"+strconv.Itoa(len(f.args)))
}

// either is like and, with two conditions of which one must be true.
func (f *filter) either(one, other string, arg any) {
	f.args = append(f.args, arg)
	n := "$" + strconv.Itoa(len(f.args))
	f.where = append(f.where, "("+one+n+" OR "+other+n+")")
}

func (f *filter) clone() filter {
	return filter{f.dialect, append([]string(nil), f.where...), append([]any(nil), f.args...)}
}

// span adds the conditions of a half-open span of time.
func (f *filter) span(column string, from, until time.Time) {
	if !from.IsZero() {
		f.and(column+" >= ", micros(from))
	}
	if !until.IsZero() {
		f.and(column+" < ", micros(until))
	}
}

// text returns the conditions, the order, and a limit if there is one.
func (f *filter) text(order string, limit int) string {
	text := strings.Join(f.where, " AND ") + order
	if limit > 0 {
		f.args = append(f.args, limit)
		text += " LIMIT $" + strconv.Itoa(len(f.args))
	}
	return text
}
