package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// Target is a lock and how to reach it. All of it is known when a door is linked,
// so no read is needed between a tap and its command.
type Target struct {
	Site saltoks.SiteID `json:"site"`
	// IQ is the lock's gateway.
	IQ   saltoks.IQID   `json:"iq"`
	Lock saltoks.LockID `json:"lock"`
	// OTPRequired is the IQ's otp_enabled; if it is false, no code is computed or sent.
	OTPRequired bool `json:"otp_required"`
}

// Target reads the lock and returns its current Target. A lock without an IQ
// cannot be reached remotely, which is an error.
func (r *Remote) Target(ctx context.Context, site saltoks.SiteID, lock saltoks.LockID) (Target, error) {
	if r.core == nil {
		return Target{}, notSentError(errZeroValue)
	}
	l, err := r.client.Locks.Get(ctx, site, lock)
	if err != nil {
		return Target{}, err
	}
	if l.IQ == nil {
		return Target{}, notSentError(fmt.Errorf("lock %s has no IQ and cannot be reached remotely: attach it to one in SALTO KS", lock))
	}
	return targetOf(site, lock, l), nil
}

func targetOf(site saltoks.SiteID, lock saltoks.LockID, l saltoks.Lock) Target {
	t := Target{Site: site, Lock: lock}
	if l.IQ != nil {
		t.IQ, t.OTPRequired = l.IQ.ID, l.IQ.OTPEnabled
	}
	return t
}

func (t Target) check() error {
	var faults faultlist.List
	faults.Require(t.Site != "", "Target.Site is missing")
	faults.Require(t.Lock != "", "Target.Lock is missing")
	faults.Require(t.IQ != "" || !t.OTPRequired, "Target.IQ is missing: the one-time code is computed for it")
	return faults.Err("")
}

// ErrTargetOutdated means that, since the door was linked, the lock was
// attached to another IQ, or its IQ was changed to require one-time codes or to
// require none. Link the door again. Either SALTO refused the command, or it
// was not sent; the error that wraps it reports which.
var ErrTargetOutdated = errors.New("the door's link is outdated")

// outdatedError names the lock and what differs between t and its current target.
func outdatedError(t, current Target) error {
	what := fmt.Sprintf("is attached to IQ %q, the link names %q", current.IQ, t.IQ)
	switch {
	case current.IQ == "":
		what = "is no longer attached to an IQ"
	case current.IQ != t.IQ:
	case current.OTPRequired:
		what = "has an IQ that now requires one-time codes"
	default:
		what = "has an IQ that no longer requires one-time codes"
	}
	return fmt.Errorf("%w: lock %s %s: link the door again", ErrTargetOutdated, t.Lock, what)
}

const (
	// recheckLimit bounds the read of the lock after a wrong code: a person is
	// waiting for the answer.
	recheckLimit = 5 * time.Second
	// outdatedFor is how long no command is sent to a target that was found
	// outdated. SALTO counts each wrong code for 20 minutes.
	outdatedFor = breakerHold
)

// outdatedTargets records targets that were found outdated, so that further
// taps do not cause SALTO to block the user at the IQ.
type outdatedTargets struct {
	mu    sync.Mutex
	found map[Target]outdatedTarget
}

type outdatedTarget struct {
	err   error
	until time.Time
}

// check returns ErrTargetOutdated for a target that was found outdated.
func (o *outdatedTargets) check(t Target, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, ok := o.found[t]
	if !ok {
		return nil
	}
	if left := f.until.Sub(now); left <= 0 || left > outdatedFor {
		delete(o.found, t)
		return nil
	}
	return f.err
}

func (o *outdatedTargets) add(t Target, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.found[t] = outdatedTarget{err, now.Add(outdatedFor)}
}

// recheck reads the lock once after SALTO refused a code. If the lock's current
// target differs from t, that is why the code was wrong, and the error wraps
// ErrTargetOutdated and the refusal. If the read fails, the refusal is returned
// unchanged.
func (r *Remote) recheck(ctx context.Context, t Target, refusal error) error {
	ctx, cancel := context.WithTimeout(ctx, recheckLimit)
	defer cancel()
	l, err := r.client.Locks.Get(ctx, t.Site, t.Lock)
	if err != nil {
		return refusal
	}
	reached := targetOf(t.Site, t.Lock, l)
	if reached == t || t.IQ == "" && !t.OTPRequired && !reached.OTPRequired {
		return refusal
	}
	outdated := outdatedError(t, reached)
	r.outdated.add(t, outdated, r.now())
	return fmt.Errorf("%w: %w", outdated, refusal)
}
