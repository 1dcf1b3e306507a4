package access

import (
	"errors"
	"fmt"
	"math"
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

// ParseInstant reads an instant as documents and requests hold it: RFC 3339
// with an offset, in the years 1970 to 9999 (UTC), at most microseconds. It is
// stricter than time.Parse, and returns the instant in UTC.
func ParseInstant(s string) (time.Time, error) {
	t, err := parseInstant(s)
	if err == nil {
		err = checkInstant(t)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an instant: %w", s, err)
	}
	return t, nil
}

var errTooFine = errors.New("it is finer than a microsecond")

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

// parseInstant reads YYYY-MM-DDTHH:MM:SS[.digits](Z|+HH:MM|-HH:MM). time.Parse is
// laxer: it takes a comma, and drops what is finer than a nanosecond.
func parseInstant(s string) (time.Time, error) {
	bad := errors.New("required is RFC 3339 with an offset, such as 2026-05-04T14:00:00+02:00")
	if len(s) < 20 || s[10] != 'T' {
		return time.Time{}, bad
	}
	date, err := ParseDate(s[:10])
	clock, ok := clockSeconds(s[11:19])
	if err != nil || !ok {
		return time.Time{}, bad
	}
	rest, fraction := s[19:], int64(0)
	if rest[0] == '.' {
		n := 1
		for ; n < len(rest) && '0' <= rest[n] && rest[n] <= '9'; n++ {
			if digit := int64(rest[n] - '0'); n <= 6 {
				fraction = fraction*10 + digit
			} else if digit != 0 {
				return time.Time{}, errTooFine
			}
		}
		if n == 1 {
			return time.Time{}, bad
		}
		for i := n; i <= 6; i++ {
			fraction *= 10
		}
		rest = rest[n:]
	}
	if rest != "Z" {
		if len(rest) != 6 || rest[0] != '+' && rest[0] != '-' {
			return time.Time{}, bad
		}
		offset, ok := clockSeconds(rest[1:] + ":00")
		if !ok {
			return time.Time{}, bad
		}
		if rest[0] == '+' {
			offset = -offset
		}
		clock += offset
	}
	return instant(date.dayNumber()*day + clock*second + fraction), nil
}

// clockSeconds reads "HH:MM:SS", 00:00:00 to 23:59:59.
func clockSeconds(s string) (int64, bool) {
	h, okh := twoDigits(s[0:2])
	m, okm := twoDigits(s[3:5])
	sec, oks := twoDigits(s[6:8])
	ok := okh && okm && oks && s[2] == ':' && s[5] == ':' && h < 24 && m < 60 && sec < 60
	return int64(h)*3600 + int64(m)*60 + int64(sec), ok
}

// floorDiv divides rounding down, also below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
