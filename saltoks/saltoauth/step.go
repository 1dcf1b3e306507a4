package saltoauth

import (
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// The refresh of a connection is two pure functions under a driver
// (connectiontokens.go) that locks the document, calls and saves:
//
//	step(document, now, situation) -> action      what to do with what is stored
//	apply(document, answer)        -> document    what to store of an answer

// situation is what a process knows beside the document.
type situation struct {
	environment string         // the Authorizer's
	conn        string         // the connection's ID
	rejected    saltoks.Secret // the access token that SALTO answered 401 to, if any
	pause       pause          // this process got no answer from the identity server
}

// pause is the time until the next attempt after one that failed.
type pause struct {
	until  time.Time
	failed int // attempts in a row
	status int // 0: there was no answer
	code   string
	fault  string
}

// action is what step decides: to hand out a token, to refresh, or to fail.
type action struct {
	refresh bool
	held    held
	err     error
}

// step is what to do with a document (nil: there is none) at an instant.
func step(doc *connectionDoc, now time.Time, s situation) action {
	if err := usableDoc(doc, s.environment, s.conn); err != nil {
		return action{err: err}
	}
	h := newHeld(doc.token(), doc.Tokens.ObtainedAt, now)
	rejected := !s.rejected.IsZero() && s.rejected.Equal(h.token.Access)
	usable := !rejected && h.usable(now)
	switch p, paused := doc.pause().or(s.pause, now); {
	case usable && !doc.ReauthorizeAt.IsZero():
		h.refreshAt = h.usableTo // no refresh can succeed, and the access token is valid still
		return action{held: h}
	case !doc.ReauthorizeAt.IsZero():
		return action{err: saltoks.ErrReauthorize}
	case usable && h.fresh(now):
		return action{held: h}
	case usable && paused:
		h.refreshAt = p.until
		return action{held: h}
	case paused:
		return action{err: p.error("refresh")}
	}
	if until, young := justGranted(doc.Tokens.ObtainedAt, doc.Tokens.Expiry, now); rejected && young {
		return action{err: errJustGranted("refresh", until)}
	}
	return action{refresh: true}
}

// answer is what came of one refresh.
type answer struct {
	at      time.Time
	set     tokenSet       // what the answer holds; its fields may be missing
	subject string         // of the ID token, if there is one
	err     *IdentityError // nil where set has an access token
}

// apply is the document after an answer. A new refresh token is kept whatever else
// the answer holds: the one that was sent is spent. Only what was issued to
// another user is not.
func apply(doc connectionDoc, a answer) connectionDoc {
	if a.otherUser(doc) {
		a = answer{at: a.at, err: &IdentityError{Op: "refresh", Status: 200, What: "the answer belongs to another SALTO user"}}
	}
	if !a.set.Refresh.IsZero() {
		doc.Tokens.Refresh = a.set.Refresh
	}
	switch {
	case a.err == nil:
		a.set.Refresh = doc.Tokens.Refresh
		doc.Tokens = a.set
		doc.clearFault()
	case a.err.Code == "invalid_grant" && a.set.Refresh.IsZero():
		doc.ReauthorizeAt = a.at.UTC()
	case a.err.Status != 0:
		doc.Attempts++
		doc.RetryAt = retryTime(a.at, doc.Attempts, a.err.RetryAt).UTC()
		doc.Fault, doc.FaultStatus, doc.FaultCode = a.err.Op+": "+a.err.What, a.err.Status, a.err.Code
	}
	// Without an answer nothing is stored: this process alone may have no route.
	return doc
}

func (a answer) otherUser(doc connectionDoc) bool {
	return a.subject != "" && a.subject != doc.Subject
}

// or is the pause that holds at an instant, the document's before the process's.
// One longer than any pause was noted under a wrong clock and does not hold.
func (p pause) or(other pause, now time.Time) (pause, bool) {
	for _, p := range []pause{p, other} {
		if left := p.until.Sub(now); left > 0 && left <= backoffLast {
			return p, true
		}
	}
	return pause{}, false
}

func (p pause) error(op string) *IdentityError {
	return &IdentityError{Op: op, Status: p.status, Code: p.code, What: "waiting after " + p.fault, RetryAt: p.until}
}

// justGranted reports until when a token is too young to be replaced after a 401;
// otherwise an API that refuses everything would rotate it at every call.
func justGranted(obtained, expiry, now time.Time) (until time.Time, young bool) {
	until = obtained.Add(rejectPause)
	if !expiry.IsZero() {
		until = obtained.Add(min(rejectPause, expiry.Sub(obtained)/10))
	}
	return until, !now.Before(obtained) && now.Before(until)
}

func errJustGranted(op string, until time.Time) error {
	return &IdentityError{Op: op, What: "SALTO's API rejects an access token that was granted a moment ago", RetryAt: until}
}
