//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// movement is one command, as the lock system received it.
type movement struct {
	Request string
	Site    string
	Member  string
	At      time.Time
	SendBy  time.Time
	// NoAttempt is true if the attempt row was looked for and was not there.
	NoAttempt bool
}

// Move implements gate.LockDriver: it writes the command to a file, which survives the
// process, and answers after the time of the lock system.
func (t *taps) Move(ctx context.Context, c gate.Command) gate.Result {
	m, _ := ctx.Value(requestKey{}).(movement)
	if !t.ByHand && t.moved.Add(1)%10 == 0 { // a sample, because looking is itself load
		var outcome string
		err := t.check.QueryRowContext(ctx, `SELECT outcome FROM doorkit_log WHERE site = $1 AND seq =
			(SELECT seq FROM doorkit_journal WHERE site = $1 AND member = $2 AND request_id = $3)`, m.Site, m.Member, m.Request).Scan(&outcome)
		m.NoAttempt = outcome != string(storage.Sending) && err == nil || err != nil && !t.down(ctx)
	}
	if c.Left() <= 0 {
		return gate.Result{Outcome: storage.NotSent, Cause: gate.CauseDeadline}
	}
	m.At, m.SendBy = time.Now(), c.SendBy
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(m); err != nil {
		return gate.Result{Outcome: storage.NotSent, Cause: gate.CauseInternal, Err: err}
	}
	if _, err := t.moves.Write(line.Bytes()); err != nil {
		return gate.Result{Outcome: storage.Unconfirmed, Err: err}
	}
	if t.Cloud > 0 {
		time.Sleep(t.Cloud)
	}
	return gate.Result{Outcome: storage.Accepted}
}

// down reports whether the database does not answer, so that no row could be looked for.
func (t *taps) down(ctx context.Context) bool { return t.check.PingContext(ctx) != nil }
