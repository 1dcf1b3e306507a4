package saltoremote

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

func TestBreaker(t *testing.T) {
	var (
		ok      error
		wrong   = fmt.Errorf("x: %w", &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "otp_invalid"})
		missing = &saltoks.APIError{Status: 404, Code: "2202", Message: "Otp is invalid"}
		blocked = &saltoks.APIError{Status: 403, Code: "3102", InnerCode: "otp_blocked"}
		lost    = &saltoks.APIError{}
		offline = &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "iq_offline"}
	)
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	type step struct {
		at     time.Duration
		answer error
	}
	for _, c := range []struct {
		name  string
		steps []step
		at    time.Duration
		open  time.Duration // closes at start+open; 0 is closed
	}{
		{"nothing yet", nil, 0, 0},
		{"one wrong code", []step{{0, wrong}}, 1, 0},
		{"two wrong codes open it", []step{{0, wrong}, {time.Hour, wrong}}, time.Hour, time.Hour + 21*time.Minute},
		{"a missing code is a wrong one", []step{{0, missing}, {0, wrong}}, 1, 21 * time.Minute},
		{"a right code in between", []step{{0, wrong}, {1, ok}, {2, wrong}}, 3, 0},
		{"what says nothing of codes does not count", []step{{0, wrong}, {1, lost}, {2, offline}}, 3, 0},
		{"nor does it forgive", []step{{0, wrong}, {1, lost}, {2, wrong}}, 3, 21*time.Minute + 2},
		{"a block opens it at once", []step{{0, blocked}}, 1, 21 * time.Minute},
		{"open to the last nanosecond", []step{{0, blocked}}, 21*time.Minute - 1, 21 * time.Minute},
		{"closed after 21 minutes", []step{{0, blocked}}, 21 * time.Minute, 0},
		{"after that it counts anew", []step{{0, wrong}, {0, wrong}, {22 * time.Minute, wrong}}, 23 * time.Minute, 0},
		{"and opens anew", []step{{0, wrong}, {0, wrong}, {22 * time.Minute, wrong}, {22 * time.Minute, wrong}}, 23 * time.Minute, 43 * time.Minute},
		{"a command under way does not close it", []step{{0, wrong}, {0, wrong}, {1, ok}}, 2, 21 * time.Minute},
		{"opened by a clock that was 22 minutes ahead", []step{{22 * time.Minute, blocked}}, 0, 0},
		{"by one that was 20 minutes ahead, which may have been set back since", []step{{20 * time.Minute, blocked}}, 0, 41 * time.Minute},
		{"opened by a clock that was a year ahead", []step{{365 * 24 * time.Hour, blocked}}, 0, 0},
	} {
		var b breaker
		for _, s := range c.steps {
			b = b.after(start.Add(s.at), s.answer)
		}
		var want time.Time
		if c.open != 0 {
			want = start.Add(c.open)
		}
		if got := b.openUntil(start.Add(c.at)); !got.Equal(want) {
			t.Errorf("%s: open until %v, want %v", c.name, got, want)
		}
	}
	err := error(&OTPBlockedError{"s", "q", start})
	if !errors.Is(err, saltoks.ErrOTPBlocked) || errors.Is(err, saltoks.ErrOTPInvalid) {
		t.Errorf("%v", err)
	}
}

// TestBlockedIsSaidOnce: the library's name stands before the sentence once.
func TestBlockedIsSaidOnce(t *testing.T) {
	blocked := notSentError(&OTPBlockedError{IQ: "q", Until: time.Unix(0, 0)})
	if got := blocked.Error(); !strings.HasPrefix(got, "saltoks: no command to IQ q before 1970-01-01T00:00:00Z") {
		t.Errorf("got %s", got)
	}
}
