package saltoks

import (
	"errors"
	"math"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// ErrSendBy reports that a command's SendDeadline passed before the command
// could be sent. Nothing was sent.
var ErrSendBy = errors.New("the send deadline of this command has passed: nothing was sent")

// SendDeadline is the instant before which sending a command must start. It has
// passed when the clock has reached it, or when the time that was left at
// NewSendDeadline has elapsed, whichever comes first. So no command is sent
// late, even if the clock is set back or the machine is suspended. It does not
// limit the wait for the answer. A command that cannot start in time is not
// sent: its error is ErrSendBy, or immediately ErrRateLimited if the Limiter
// would start it only later. NotSent reports true for both.
//
// A nil SendDeadline never passes; a zero one has already passed. It is safe
// for concurrent use if its clock is.
type SendDeadline struct {
	at   time.Time
	now  func() time.Time
	made time.Time     // with the monotonic reading of this process
	left time.Duration // when it was made
}

// NewSendDeadline returns a deadline at the instant at, read by the clock now;
// nil means time.Now. Call it before the first wait, such as the one for a
// one-time code.
func NewSendDeadline(at time.Time, now func() time.Time) *SendDeadline {
	if now == nil {
		now = time.Now
	}
	d := &SendDeadline{at: at.Round(0), now: now, made: time.Now()}
	d.left = d.byClock()
	return d
}

// Left returns the time during which a command may still start. It is zero or
// negative when the deadline has passed or when the clock is not set (before
// 1990).
func (d *SendDeadline) Left() time.Duration {
	if d == nil {
		return math.MaxInt64
	}
	return min(d.byClock(), d.left-time.Since(d.made))
}

// byClock compares wall clocks: a monotonic reading stops while the machine is
// suspended.
func (d *SendDeadline) byClock() time.Duration {
	if d.now == nil { // a zero SendDeadline
		return 0
	}
	now := d.now()
	if !hostcall.ClockIsSet(now) {
		return 0
	}
	return d.at.Sub(now.Round(0))
}
