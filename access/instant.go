package access

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// The engine counts instants in microseconds since 1970 (UTC): int64 nanoseconds
// would overflow in 2262.
const (
	second = int64(1e6) // in microseconds
	day    = 24 * 3600 * second

	// Before every instant and after every instant.
	never   = math.MinInt64
	forever = math.MaxInt64

	// horizon is how far valid_until and next_change look ahead.
	horizon = 370 * day
)

// missing stands for a Clock or Day that could not be read.
const missing = -1

// micros returns t in microseconds since 1970, finer digits cut off towards the
// past. Years far from ours become the years 0 and 20000, in which no fact lies,
// so that sums do not overflow.
func micros(t time.Time) int64 {
	return min(max(t.Unix(), -62_200_000_000), 570_000_000_000)*second + int64(t.Nanosecond())/1000
}

func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }

// bound returns t, or unbounded if t is zero.
func bound(t time.Time, unbounded int64) int64 {
	if t.IsZero() {
		return unbounded
	}
	return micros(t)
}

// unbounded is the reverse of bound: instants that are never reached are zero.
func unbounded(us int64) time.Time {
	if us == never || us == forever {
		return time.Time{}
	}
	return instant(us)
}

var errTooFine = errors.New("it is finer than a microsecond")

// ParseInstant reads an instant as documents and requests hold it: RFC 3339
// with an offset, in the years 1970 to 9999 (UTC), at most microseconds. It is
// stricter than time.Parse, and returns the instant in UTC.
func ParseInstant(s string) (t time.Time, err error) {
	_, fraction, _ := strings.Cut(s, ".")
	digits := fraction[:len(fraction)-len(strings.TrimLeft(fraction, "0123456789"))]
	// Package time also takes hours of one digit, a comma, and offsets of a day.
	lax := len(s) < 20 || s[13] != ':' || strings.Contains(s, ",") || s[len(s)-1] != 'Z' && (s[len(s)-5:] > "23:59" || s[len(s)-2:] > "59")
	switch {
	case lax || t.UnmarshalText([]byte(s)) != nil:
		err = errors.New("must be RFC 3339 with an offset, such as 2026-05-04T14:00:00+02:00")
	case len(digits) > 6 && strings.Trim(digits[6:], "0") != "": // package time drops some of them
		err = errTooFine
	default:
		err = checkInstant(t)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an instant: %w", s, err)
	}
	return t.UTC(), nil
}

// checkInstant returns an error for an instant that no fact may hold.
func checkInstant(t time.Time) error {
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return errors.New("its year, in UTC, is not 1970 to 9999")
	}
	if t.Nanosecond()%1000 != 0 {
		return errTooFine
	}
	return nil
}

// floorDiv divides rounding down, also below zero.
func floorDiv(a, b int64) int64 {
	return (a - (a%b+b)%b) / b
}
