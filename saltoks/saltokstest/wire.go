package saltokstest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// looksLikeUUID accepts UUIDs of every version.
func looksLikeUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if r != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return true
}

// instant formats a UTC time as SALTO does: Z, up to seven digits of fraction.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.9999999Z")
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// parseTime reads a date, a wall-clock time in loc or an instant.
func parseTime(s string, loc *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}

func itoa(n int) string { return strconv.Itoa(n) }
