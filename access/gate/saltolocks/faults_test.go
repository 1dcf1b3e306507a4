package saltolocks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestFaults is each way a command may fail, for each action: outcome, requests
// on the wire, movements, log rows, check-ins.
func TestFaults(t *testing.T) {
	type cell struct {
		fault    string
		options  []saltokstest.FaultOption
		outcome  gate.Outcome
		cause    gate.Cause
		commands int // locking requests that reached SALTO
		moves    int // of the door, at once
		later    int // of the door, a minute later
	}
	locking := saltokstest.On("/locking")
	for name, c := range map[string]cell{
		"none":                        {"", nil, gate.Accepted, "", 1, 1, 1},
		"IQ offline":                  {saltokstest.IQOffline, nil, gate.Unconfirmed, gate.CauseIQOffline, 1, 0, 0},
		"lock offline":                {saltokstest.LockOffline, nil, gate.Unconfirmed, gate.CauseLockOffline, 1, 0, 0},
		"OTP blocked":                 {saltokstest.OTPBlocked, nil, gate.Refused, gate.CauseOTPBlocked, 1, 0, 0},
		"IQ clock ahead":              {saltokstest.ClockSkew, nil, gate.Refused, gate.CauseOTPInvalid, 1, 0, 0},
		"secret rotated by the app":   {saltokstest.AppRotatedSecret, nil, gate.Refused, gate.CauseOTPInvalid, 1, 0, 0},
		"IQ reset":                    {saltokstest.RestoreRequired, nil, gate.Refused, gate.CauseRestoreRequired, 1, 0, 0},
		"answer lost before it moved": {saltokstest.AnswerLostBeforeMove, []saltokstest.FaultOption{locking}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 0, 0},
		"answer lost after it moved":  {saltokstest.AnswerLostAfterMove, []saltokstest.FaultOption{locking}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 1, 1},
		"slow":                        {saltokstest.Slow, []saltokstest.FaultOption{locking}, gate.Accepted, "", 1, 1, 1},
		"slower than the limit":       {saltokstest.Slow, []saltokstest.FaultOption{locking, saltokstest.Delay(40 * time.Second)}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 0, 1},
		"slow answer past the limit":  {saltokstest.Slow, []saltokstest.FaultOption{locking, saltokstest.Delay(40 * time.Second), saltokstest.After()}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 1, 1},
		"no answer ever":              {saltokstest.Hang, []saltokstest.FaultOption{locking}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 0, 0},
		"no answer, and it moved":     {saltokstest.Hang, []saltokstest.FaultOption{locking, saltokstest.After()}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 1, 1},
		"429":                         {saltokstest.HTTP429, []saltokstest.FaultOption{locking}, gate.Refused, gate.CauseRateLimited, 1, 0, 0},
		"500":                         {saltokstest.HTTP500, []saltokstest.FaultOption{locking}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 0, 0},
		"500 after it moved":          {saltokstest.HTTP500, []saltokstest.FaultOption{locking, saltokstest.After()}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 1, 1},
		"502 as a page":               {saltokstest.HTML502, []saltokstest.FaultOption{locking}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 0, 0},
		"half an answer":              {saltokstest.TruncatedBody, []saltokstest.FaultOption{locking}, gate.Unconfirmed, gate.CauseNoAnswer, 1, 1, 1},
		"redirected":                  {saltokstest.Redirect307, []saltokstest.FaultOption{locking}, gate.Refused, gate.CauseRefused, 1, 0, 0},
		"identity server away":        {saltokstest.IdentityOutage, nil, gate.NotSent, gate.CauseCloudUnavailable, 0, 0, 0},
	} {
		for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
			t.Run(name+"/"+string(action), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, true)
					if c.fault == saltokstest.IdentityOutage {
						r.sim.Clock().Advance(2 * time.Hour) // the token has run out
					}
					if c.fault != "" {
						r.sim.Fault(c.fault, c.options...)
					}
					tap := r.tap("front")
					start := time.Now()
					receipt := r.do(action, tap)
					r.want(receipt, c.outcome, c.cause)
					if d := time.Since(start); d > gate.AnswerWithin {
						t.Errorf("it took %v", d)
					}
					if !receipt.Recorded {
						t.Error("not recorded")
					}
					if got := r.moved(0); got != c.moves {
						t.Errorf("got %d movements, want %d", got, c.moves)
					}
					again := r.do(action, tap)
					if again.Outcome != receipt.Outcome {
						t.Errorf("asked again: got %s", again.Outcome)
					}
					if got := r.commands(); got != c.commands {
						t.Errorf("got %d commands on the wire, want %d", got, c.commands)
					}
					time.Sleep(time.Minute)
					if got := r.moved(0); got != c.later {
						t.Errorf("got %d movements a minute later, want %d", got, c.later)
					}
					rows := 0
					for _, err := range r.gate.Log(t.Context(), gate.LogQuery{}) {
						r.ok(err)
						rows++
					}
					list, err := r.gate.CheckIns(t.Context(), gate.CheckInQuery{})
					r.ok(err)
					came := 0
					if c.outcome == gate.Accepted && action != access.Lock {
						came = 1
					}
					if rows != 2 || len(list) != came {
						t.Errorf("got %d log rows and %d check-ins, want 2 and %d", rows, len(list), came)
					}
				})
			})
		}
	}
}
