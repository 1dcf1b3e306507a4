package saltoauth

import "time"

// Every duration of this package, from the shortest to the longest, and why it is
// at least as long as the one before it. Three more belong to other packages:
// saltostate.WriteLimit (5 s, a save), and in internal/oidc the age of a cached
// discovery document and of cached keys (24 h) and the pause before keys are read
// again (10 s).
//
//	recheckLimit     1 s    a person waits at a door while the document is read
//	refreshPatience  2 s    longer than a recheck: a refresh is a request to another host
//	backoffFirst     5 s    longer than a caller waits, so that a second tap makes no second request
//	rejectPause      5 s    one request cycle: a rejected token is replaced at most once in it
//	hintLimit        5 s    an optional extra call of a consent, longer than a usual answer
//	usableMargin    10 s    a token is not returned this close to its end: longer than a usual request
//	exchangeLimit   15 s    an answer after the usual time is still worth its refresh token; with
//	                        WriteLimit it is the 20 s that Store.Update allows its function
//	lockLimit       15 s    a wait for another process's exchange ends when that exchange must have
//	recheckEvery    30 s    the limit that Disconnect documents; well above recheckLimit, so reads stay rare
//	recheckGrace     5 min  a store that is restarted is back by then; well above recheckEvery
//	backoffLast      5 min  below the 6 min that a token of an hour still has when its refresh starts
//	loginTime       10 min  a person logs in, with a password reset if need be
//	assumedLifetime  1 h    of a token without a stated lifetime: SALTO's usual one (WIRE.md 1.2)
//	defaultWarnAfter 75 d   two weeks before the 90 days that SALTO's support states
const (
	recheckLimit     = time.Second
	refreshPatience  = 2 * time.Second
	backoffFirst     = 5 * time.Second
	rejectPause      = 5 * time.Second
	hintLimit        = 5 * time.Second
	usableMargin     = 10 * time.Second
	exchangeLimit    = 15 * time.Second
	lockLimit        = 15 * time.Second
	recheckEvery     = 30 * time.Second
	recheckGrace     = 5 * time.Minute
	backoffLast      = 5 * time.Minute
	loginTime        = 10 * time.Minute
	assumedLifetime  = time.Hour
	defaultWarnAfter = 75 * 24 * time.Hour
)

// retryTime returns when the next attempt may be made after failed attempts in
// a row. The pause doubles from backoffFirst to backoffLast. It is longer if
// the server asked for that, up to backoffLast.
func retryTime(now time.Time, failed int, asked time.Time) time.Time {
	pause := backoffLast
	if n := failed - 1; n < 6 {
		pause = min(backoffLast, backoffFirst<<max(n, 0))
	}
	if !asked.IsZero() {
		pause = min(max(pause, asked.Sub(now)), backoffLast)
	}
	return now.Add(pause)
}

// reached reports whether limit is reached, by the wall clock or by elapsed
// time. On a machine that was suspended, the wall clock is ahead of the elapsed
// time; after a clock was set back, it is behind.
func reached(limit, now time.Time) bool {
	return !now.Before(limit) || !now.Round(0).Before(limit.Round(0))
}

// elapsed returns the time from start to now: the larger of the elapsed time
// and the wall-clock difference. A wall clock that was set back counts by the
// same amount.
func elapsed(start, now time.Time) time.Duration {
	return max(now.Sub(start), now.Round(0).Sub(start.Round(0)).Abs())
}
