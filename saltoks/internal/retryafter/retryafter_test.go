package retryafter

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false},
		{"0", 0, true},
		{"000", 0, true},
		{"7", 7 * time.Second, true},
		{" 7 ", 7 * time.Second, true},
		{"86400", 24 * time.Hour, true},
		{"31536000", Most, true},
		{"31536001", Most, true},
		{"9223372036854775807", Most, true},
		{"99999999999999999999999999999", Most, true},
		{"-1", 0, false},
		{"-0", 0, false},
		{"-9223372036854775808", 0, false},
		{"+5", 0, false},
		{"1.5", 0, false},
		{"1e3", 0, false},
		{"٥", 0, false},
		{"soon", 0, false},
		{"Sun, 29 Nov 2026 12:00:09 GMT", 9 * time.Second, true},
		{"Sun, 29 Nov 2026 11:59:00 GMT", 0, true},
		{"Sunday, 29-Nov-26 12:01:00 GMT", time.Minute, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", Most, true},
		{"2026-11-29T12:00:09Z", 0, false},
	} {
		if got, ok := Parse(tt.value, now); got != tt.want || ok != tt.ok {
			t.Errorf("Parse(%q) = %v, %v, want %v, %v", tt.value, got, ok, tt.want, tt.ok)
		}
	}
}
