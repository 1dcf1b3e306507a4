// Package retryafter reads the Retry-After header.
package retryafter

import (
	"net/http"
	"strings"
	"time"
)

// Most is the longest wait that Parse returns: what asks for more is a mistake
// of the server, and no caller waits that long.
const Most = 365 * 24 * time.Hour

// Parse reads a Retry-After value: seconds or an HTTP date. It returns a wait
// from 0, also for a date in the past, to Most. ok is false where the value is
// empty or neither, such as a negative number.
func Parse(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		return seconds(value), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(0, at.Sub(now)), Most), true
}

// seconds reads digits. What is larger than Most, whatever its length, is Most.
func seconds(digits string) time.Duration {
	var wait time.Duration
	for _, c := range digits {
		wait = 10*wait + time.Duration(c-'0')*time.Second
		if wait >= Most {
			return Most
		}
	}
	return wait
}
