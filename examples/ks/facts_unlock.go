package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// unlockFacts open the lock of -unlock once and look at what follows (WIRE.md 2.5 and 6).
func unlockFacts() []fact {
	return []fact{
		{"2.5", markMeasured, "an accepted unlock is 200", (*survey).unlockStatus},
		{"6", markCode, "the 200 of an unlock has a JSON body", (*survey).unlockBody},
		{"6", markGuess, "the lock reports unlocked after the command", (*survey).unlockState},
		{"2.5", markDoc, "the lock locks itself", (*survey).relock},
		{"2.7", markSpec, "a remote opening is an entry lock_opened by remote, of the platform user", (*survey).unlockEntry},
	}
}

// opened sends the unlock at the first call, and returns SALTO's answer or nil.
func (v *survey) opened(ctx context.Context) *reply {
	if !v.unlockTried {
		v.unlockTried, v.unlockAt = true, time.Now()
		v.unlockErr = v.s.move(ctx, v.site.ID, *v.unlock, (*saltoremote.Remote).Unlock)
		v.stateAfter, _ = v.lockNow(ctx)["locked_state"].(string)
	}
	if v.unlockErr != nil {
		return nil
	}
	return v.record.lastCommand()
}

func (v *survey) lockNow(ctx context.Context) map[string]any {
	return v.again(ctx, request{url: v.address(locksPath + "/" + string(v.unlock.ID))}).object()
}

func (v *survey) unlockStatus(ctx context.Context) finding {
	r := v.opened(ctx)
	if r == nil {
		text, _ := explain(ctx, v.unlockErr)
		return differ("the door was not opened: %s", text)
	}
	return expect(r.status == http.StatusOK, "%s", r.summary())
}

func (v *survey) unlockBody(ctx context.Context) finding {
	r := v.opened(ctx)
	if r == nil {
		return unseen("the door was not opened")
	}
	if r.object() == nil {
		return differ("%s", r.summary())
	}
	return agree("an object with %d fields", len(r.object()))
}

func (v *survey) unlockState(ctx context.Context) finding {
	if v.opened(ctx) == nil {
		return unseen("the door was not opened")
	}
	return expect(v.stateAfter == "unlocked", "%s", wordOf(v.stateAfter))
}

// relockLimit is how long verify waits for the lock to lock itself. The open time of a lock
// may be longer.
const relockLimit = 30 * time.Second

func (v *survey) relock(ctx context.Context) finding {
	if v.opened(ctx) == nil {
		return unseen("the door was not opened")
	}
	if v.stateAfter != "unlocked" {
		return unseen("it did not report unlocked")
	}
	for time.Since(v.unlockAt) < relockLimit {
		if v.lockNow(ctx)["locked_state"] == "locked" {
			return agree("after at most %s", time.Since(v.unlockAt).Round(time.Second))
		}
		if sleep(ctx, time.Second) != nil {
			break
		}
	}
	return unseen("still unlocked after %s: the open time may be longer", time.Since(v.unlockAt).Round(time.Second))
}

func (v *survey) unlockEntry(ctx context.Context) finding {
	if v.opened(ctx) == nil {
		return unseen("the door was not opened")
	}
	me := v.get(ctx, "/v1.2/me", "").object()["id"]
	for time.Since(v.unlockAt) < relockLimit {
		r := v.again(ctx, request{url: v.address(entriesPath), query: "$top=20&" + newestFirst})
		for _, e := range r.items() {
			ours := e["lock_id"] == string(v.unlock.ID) && e["user_id"] == me
			if recent := instantOf(e["utc_date_time"]).Sub(v.unlockAt).Abs() < 5*time.Minute; !ours || !recent {
				continue
			}
			category, by := wordOf(e["event_category"]), wordOf(e["access_by"])
			return expect(category == "lock_opened" && by == "remote", "%s", strings.Join([]string{category, by}, ", "))
		}
		if r.status != http.StatusOK {
			return unseen("%s", r.summary())
		}
		if sleep(ctx, 2*time.Second) != nil {
			break
		}
	}
	return unseen("no entry within %s", relockLimit)
}
