package main

import (
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

func TestUnlockByForm(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	id := newRequestID()
	ada.post("/keys/front/unlock", "request", id).want(200, "Open", "Yours at any time")
	ada.post("/keys/front/unlock", "request", id).want(200, "Open") // a retry of the same tap
	if n := p.movements(t, "front"); n != 1 {
		t.Fatalf("%d movements for one tap, want 1", n)
	}
	p.sim.Clock().Advance(8 * time.Second)
	ada.get("/?door=front&request="+id).want(200, "Locked again")
	ada.post("/keys/front/unlock", "request", "short").want(422)
	ada.post("/keys/front/explode", "request", newRequestID()).want(404)
	ada.get("/checkins").want(200, "Front Door")
	if rows := p.doorLog(t); len(rows) != 2 {
		t.Errorf("%d rows in the door log, want 2: attempt and outcome", len(rows))
	}
}

func TestUnlockByScript(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	tap := func(door string) response {
		r := bob.request("POST", "/keys/"+door+"/unlock", "request", newRequestID())
		r.Header.Set("Accept", "application/json")
		return bob.do(r).want(200)
	}
	tap("front").want(200, `"tone":"open"`, `"seconds":7`)
	p.setTime(t, "2026-05-06T21:00:00+02:00")
	tap("front").want(200, `"tone":"no"`, `"outcome":"denied"`)
	tap("office-4").want(200, `"tone":"no"`)
	if n := p.movements(t, "front"); n != 1 {
		t.Errorf("%d movements, want 1", n)
	}
	p.setTime(t, "2026-05-07T10:00:00+02:00")
	p.sim.Fault("answer_lost_after_move")
	p.sim.Fault("answer_lost_after_move", countOn(1, "/locking")...)
	tap("front").want(200, `"tone":"unsure"`, "Could not confirm")
}

func TestOfficeMode(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada, bob := p.as(t, "ada"), p.as(t, "bob")
	ada.post("/keys/office-4/keep-open", "request", newRequestID()).want(200, "Kept open", "Kept open by you")
	bob.post("/keys/front/keep-open", "request", newRequestID()).want(200, "Not opened")
	p.as(t, "mia").get("/manage").want(200, "door is kept open")
	ada.post("/keys/office-4/lock", "request", newRequestID()).want(200, "Locked").wantNot("Kept open by you")
}

func TestBlockedMember(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	cyd := p.as(t, "cyd")
	cyd.get("/").want(200, "Front Door", "Try to open").wantNot("unpaid")
	cyd.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened").wantNot("unpaid")
	mia := p.as(t, "mia")
	mia.post("/manage/people/cyd/standing", "state", "good").want(200, "Saved")
	cyd.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	mia.post("/manage/people/cyd/standing", "state", "grace").want(422, "date")
	mia.post("/manage/people/cyd/standing", "state", "grace", "until", "2026-05-20T00:00").want(200, "grace")
	mia.post("/manage/people/cyd/standing", "state", "nonsense").want(422)
}

// A request id may contain any printable character.
func TestTapEscapesRequestID(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	p.as(t, "ada").post("/keys/front/unlock", "request", "tap&door=bikes#%2F?").want(200, "The door is open")
}

// If the gate cannot be opened, a script gets JSON, and a form gets a page. Both contain
// that nothing was sent.
func TestTapWithoutDatabase(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	if _, err := p.db.ExecContext(t.Context(), `ALTER TABLE app_settings RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	r := ada.request("POST", "/keys/front/unlock", "request", newRequestID())
	r.Header.Set("Accept", "application/json")
	ada.do(r).want(200, `"tone":"no"`, `"Not opened"`)
	ada.post("/keys/front/unlock", "request", newRequestID()).want(500, "our side")
	if n := p.movements(t, "front"); n != 0 {
		t.Errorf("%d movements, want 0", n)
	}
}

// A member who taps without end is stopped before the door log; others are not.
func TestTapsAreLimited(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	before := len(p.doorLog(t))
	limited := 0
	for range tapBurst + 10 {
		r := ada.request("POST", "/keys/no-door/unlock", "request", newRequestID())
		r.Header.Set("Accept", "application/json")
		if strings.Contains(ada.do(r).body, gate.CauseRateLimited.Message()) {
			limited++
		}
	}
	if rows := len(p.doorLog(t)) - before; limited != 10 || rows != tapBurst {
		t.Errorf("%d taps were limited, %d rows in the door log", limited, rows)
	}
	p.as(t, "bob").post("/keys/front/unlock", "request", newRequestID()).want(200)
}
