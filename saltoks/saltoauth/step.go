package saltoauth

import (
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
)

// The refresh of a connection is two pure functions under a driver
// (connectiontokens.go) that locks the document, calls and saves:
//
//	step(document, now, situation) -> action      what to do with what is stored
//	apply(document, answer)        -> document    what to store of an answer

// situation is what a process knows in addition to the document.
type situation struct {
	environment string         // the Authorizer's
	conn        string         // the connection's ID
	rejected    saltoks.Secret // the access token that SALTO answered 401 to, if any
	pause       pause          // this process got no answer from the identity server
}

// pause is the time until the next attempt after one that failed.
type pause struct {
	Until  time.Time `json:"until,omitzero"`
	Failed int       `json:"failed,omitempty"` // attempts in a row
	Status int       `json:"status,omitempty"` // 0: there was no answer
	Code   string    `json:"code,omitempty"`
	Fault  string    `json:"fault,omitempty"`
}

// action is what step decides: to return a token, to refresh, or to fail.
type action struct {
	refresh bool
	held    held
	err     error
}

// step returns what to do with a document (nil: there is none) at the instant
// now.
func step(doc *connectionDoc, now time.Time, s situation) action {
	if err := usableDoc(doc, s.environment, s.conn); err != nil {
		return action{err: err}
	}
	h := newHeld(doc.token(), doc.Tokens.ObtainedAt, now)
	rejected := !s.rejected.IsZero() && s.rejected.Equal(h.token.Access)
	usable := !rejected && h.usable(now)
	switch p, paused := doc.Pause.or(s.pause, now); {
	case usable && !doc.ReauthorizeAt.IsZero():
		h.refreshAt = h.usableTo // no refresh can succeed, but the access token is still valid
		return action{held: h}
	case !doc.ReauthorizeAt.IsZero():
		return action{err: saltoks.ErrReauthorize}
	case usable && h.fresh(now):
		return action{held: h}
	case usable && paused:
		h.refreshAt = p.Until
		return action{held: h}
	case paused:
		return action{err: p.error("refresh")}
	}
	if until, young := justGranted(doc.Tokens.ObtainedAt, doc.Tokens.Expiry, now); rejected && young {
		return action{err: errJustGranted("refresh", until)}
	}
	return action{refresh: true}
}

// apply returns the document after an answer. A new refresh token is kept,
// whatever else the answer holds, because the one that was sent is used up.
// Tokens that were issued to another user are not kept.
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
		doc.Tokens, doc.Pause = a.set, pause{}
	case a.err.Code == "invalid_grant" && a.set.Refresh.IsZero():
		doc.ReauthorizeAt = a.at.UTC()
	case a.err.Status != 0:
		doc.Pause = doc.Pause.after(a)
	}
	// Without an answer nothing is stored: perhaps only this process cannot
	// reach the server.
	return doc
}

func (a answer) otherUser(doc connectionDoc) bool {
	subject := oidc.UnverifiedSubject(a.idToken.Reveal())
	return subject != "" && subject != doc.Subject
}

// after returns the pause after one more failed attempt.
func (p pause) after(a answer) pause {
	failed := p.Failed + 1
	return pause{
		Until: retryTime(a.at, failed, a.err.RetryAt).UTC(), Failed: failed,
		Status: a.err.Status, Code: a.err.Code, Fault: a.err.Op + ": " + a.err.What,
	}
}

// or returns the pause that is in effect at now: p if it is, else other. A
// pause longer than backoffLast was recorded with a wrong clock and is ignored.
func (p pause) or(other pause, now time.Time) (pause, bool) {
	for _, p := range []pause{p, other} {
		if left := p.Until.Sub(now); left > 0 && left <= backoffLast {
			return p, true
		}
	}
	return pause{}, false
}

func (p pause) error(op string) *IdentityError {
	return &IdentityError{Op: op, Status: p.Status, Code: p.Code, What: "waiting after " + p.Fault, RetryAt: p.Until}
}

// justGranted reports whether a token was granted too recently to be replaced after a
// 401, and until when. Without this limit, an API that rejects every token would
// cause a refresh at every call.
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
