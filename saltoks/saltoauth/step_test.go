package saltoauth

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

var stepStart = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func stored(text string) storedsecret.Secret { return storedsecret.New(saltoks.NewSecret(text)) }

// stepDoc is a connection whose token of an hour was granted at stepStart.
func stepDoc(change func(*connectionDoc)) *connectionDoc {
	doc := &connectionDoc{Connection: Connection{Environment: "mock", Subject: "subject-1"}, Tokens: tokenSet{
		Access: stored("a0"), Refresh: stored("r0"), ObtainedAt: stepStart, Expiry: stepStart.Add(time.Hour),
	}}
	if change != nil {
		change(doc)
	}
	return doc
}

// idTokenOf returns an ID token of a user, without a valid signature.
func idTokenOf(subject string) saltoks.Secret {
	part := base64.RawURLEncoding.EncodeToString
	return saltoks.NewSecret(part([]byte("{}")) + "." + part([]byte(`{"sub":"`+subject+`"}`)) + "." + part([]byte("x")))
}

func TestStep(t *testing.T) {
	const minute = time.Minute
	at := stepStart.Add
	paused := func(until time.Time) func(*connectionDoc) {
		return func(d *connectionDoc) {
			d.Pause = pause{Failed: 1, Until: until, Fault: "refresh: refused", Status: 401, Code: "invalid_client"}
		}
	}
	refused := func(d *connectionDoc) { d.ReauthorizeAt = at(50 * minute) }
	a0 := saltoks.NewSecret("a0")
	for name, c := range map[string]struct {
		doc  *connectionDoc
		at   time.Duration
		with situation // environment and connection are filled in

		refresh   bool
		refreshAt time.Duration // of a token that is returned; 0: never
		is        error
		says      string
	}{
		"no document":            {doc: nil, is: ErrNotConnected},
		"of another environment": {doc: stepDoc(func(d *connectionDoc) { d.Environment = "other" }), is: ErrNotConnected, says: `"other"`},
		"fresh":                  {doc: stepDoc(nil), at: 53 * minute, refreshAt: 54 * minute},
		"a tenth is left":        {doc: stepDoc(nil), at: 54 * minute, refresh: true},
		"over":                   {doc: stepDoc(nil), at: 2 * 60 * minute, refresh: true},
		"rejected":               {doc: stepDoc(nil), at: minute, with: situation{rejected: a0}, refresh: true},
		"rejected, replaced since": {doc: stepDoc(nil), at: minute, with: situation{rejected: saltoks.NewSecret("older")},
			refreshAt: 54 * minute},
		"rejected a moment after it was granted": {doc: stepDoc(nil), at: 4 * time.Second, with: situation{rejected: a0},
			says: "granted a moment ago"},
		"no lifetime":          {doc: stepDoc(func(d *connectionDoc) { d.Tokens.Expiry = time.Time{} }), at: minute, refreshAt: 54 * minute},
		"no lifetime, an hour": {doc: stepDoc(func(d *connectionDoc) { d.Tokens.Expiry = time.Time{} }), at: 60 * minute, refresh: true},
		"paused, still valid":  {doc: stepDoc(paused(at(56 * minute))), at: 55 * minute, refreshAt: 56 * minute},
		"paused, over": {doc: stepDoc(paused(at(61 * minute))), at: 60 * minute, is: ErrInvalidClient,
			says: "waiting after refresh: refused"},
		"paused, rejected":       {doc: stepDoc(paused(at(2 * minute))), at: minute, with: situation{rejected: a0}, says: "waiting"},
		"pause over":             {doc: stepDoc(paused(at(60 * minute))), at: 60 * minute, refresh: true},
		"pause of a wrong clock": {doc: stepDoc(paused(at(180 * minute))), at: 60 * minute, refresh: true},
		"this process has no route": {doc: stepDoc(nil), at: 60 * minute,
			with: situation{pause: pause{Until: at(61 * minute), Failed: 1, Fault: "refresh: no answer"}}, says: "no answer"},
		"this process had no route, another refreshed": {doc: stepDoc(nil), at: minute,
			with: situation{pause: pause{Until: at(2 * minute), Failed: 1}}, refreshAt: 54 * minute},
		"refresh token refused, access token valid": {doc: stepDoc(refused), at: 55 * minute, refreshAt: 60*minute - usableMargin},
		"refresh token refused, access token over":  {doc: stepDoc(refused), at: 60 * minute, is: saltoks.ErrReauthorize},
		"refresh token refused, access token rejected": {doc: stepDoc(refused), at: 55 * minute, with: situation{rejected: a0},
			is: saltoks.ErrReauthorize},
	} {
		t.Run(name, func(t *testing.T) {
			c.with.environment, c.with.conn = "mock", "con-1"
			a := step(c.doc, at(c.at), c.with)
			if fails := c.is != nil || c.says != ""; (a.err != nil) != fails || a.refresh != c.refresh {
				t.Fatalf("%+v", a)
			}
			if a.err != nil && (c.is != nil && !errors.Is(a.err, c.is) || !strings.Contains(a.err.Error(), c.says)) {
				t.Errorf("%v, want %v, %q", a.err, c.is, c.says)
			}
			if a.err == nil && !a.refresh && (a.held.token.Access.Reveal() != "a0" || !a.held.refreshAt.Equal(at(c.refreshAt))) {
				t.Errorf("%q until %v, want %v", a.held.token.Access.Reveal(), a.held.refreshAt, at(c.refreshAt))
			}
		})
	}
}

func TestApply(t *testing.T) {
	now := stepStart.Add(time.Hour)
	full := tokenSet{Access: stored("a1"), Refresh: stored("r1"), ObtainedAt: now, Expiry: now.Add(time.Hour)}
	fault := func(status int, code string) *IdentityError {
		return &IdentityError{Op: "refresh", Status: status, Code: code, What: "refused"}
	}
	failed := func(attempts int, wait time.Duration, status int, code string) func(*connectionDoc) {
		return func(d *connectionDoc) {
			d.Pause = pause{Failed: attempts, Until: now.Add(wait), Fault: "refresh: refused", Status: status, Code: code}
		}
	}
	asked := fault(429, "")
	asked.RetryAt = now.Add(time.Minute)
	for name, c := range map[string]struct {
		before func(*connectionDoc)
		answer answer
		want   func(*connectionDoc)
	}{
		"tokens": {answer: answer{set: full}, want: func(d *connectionDoc) { d.Tokens = full }},
		"tokens after failures": {before: failed(3, 0, 503, ""), answer: answer{set: full, idToken: idTokenOf("subject-1")},
			want: func(d *connectionDoc) { d.Tokens = full }},
		"no new refresh token": {answer: answer{set: tokenSet{Access: stored("a1"), ObtainedAt: now}},
			want: func(d *connectionDoc) {
				d.Tokens = tokenSet{Access: stored("a1"), Refresh: stored("r0"), ObtainedAt: now}
			}},
		"a new refresh token alone": {answer: answer{set: tokenSet{Refresh: stored("r1"), ObtainedAt: now}, err: fault(200, "")},
			want: func(d *connectionDoc) {
				failed(1, 5*time.Second, 200, "")(d)
				d.Tokens.Refresh = stored("r1")
			}},
		"a new refresh token beside invalid_grant": {answer: answer{set: tokenSet{Refresh: stored("r1")}, err: fault(200, "invalid_grant")},
			want: func(d *connectionDoc) {
				failed(1, 5*time.Second, 200, "invalid_grant")(d)
				d.Tokens.Refresh = stored("r1")
			}},
		"another user": {answer: answer{set: full, idToken: idTokenOf("subject-2")},
			want: func(d *connectionDoc) {
				failed(1, 5*time.Second, 200, "")(d)
				d.Pause.Fault = "refresh: the answer belongs to another SALTO user"
			}},
		"refused for good":     {answer: answer{err: fault(400, "invalid_grant")}, want: func(d *connectionDoc) { d.ReauthorizeAt = now }},
		"the client refused":   {answer: answer{err: fault(401, "invalid_client")}, want: failed(1, 5*time.Second, 401, "invalid_client")},
		"an outage":            {answer: answer{err: fault(503, "")}, want: failed(1, 5*time.Second, 503, "")},
		"a longer outage":      {before: failed(5, 0, 503, ""), answer: answer{err: fault(503, "")}, want: failed(6, 160*time.Second, 503, "")},
		"an outage of hours":   {before: failed(90, 0, 503, ""), answer: answer{err: fault(503, "")}, want: failed(91, backoffLast, 503, "")},
		"asked to wait":        {answer: answer{err: asked}, want: failed(1, time.Minute, 429, "")},
		"no answer":            {answer: answer{err: fault(0, "")}, want: func(*connectionDoc) {}},
		"no answer in a pause": {before: failed(2, 0, 503, ""), answer: answer{err: fault(0, "")}, want: failed(2, 0, 503, "")},
	} {
		t.Run(name, func(t *testing.T) {
			c.answer.at = now
			before := stepDoc(c.before)
			kept := *before
			got := apply(*before, c.answer)
			want := stepDoc(c.want)
			same := cmp.Comparer(func(a, b storedsecret.Secret) bool { return a.Equal(b.Secret) })
			if diff := cmp.Diff(*want, got, same); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(kept, *before, same); diff != "" {
				t.Errorf("the document before was changed: %s", diff)
			}
		})
	}
}
