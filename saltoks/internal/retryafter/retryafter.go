// Package retryafter reads the Retry-After header.
package retryafter

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Most is the longest wait that Parse returns. A longer one is a mistake of the
// server, and no caller waits that long.
const Most = 365 * 24 * time.Hour

// Parse reads a Retry-After value: seconds or an HTTP date. The wait is at
// least 0, also for a date in the past, and at most Most. ok is false if the
// value is empty or neither of the two, such as a negative number.
func Parse(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	seconds, err := strconv.ParseUint(value, 10, 32)
	if err == nil || errors.Is(err, strconv.ErrRange) { // then it is the largest number
		return min(time.Duration(seconds)*time.Second, Most), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(0, at.Sub(now)), Most), true
}
