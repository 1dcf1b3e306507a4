package main

import (
	"encoding/json"
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
	ada.get("/?request="+id).want(200, "Locked again")
	ada.post("/keys/front/unlock", "request", "short").want(422)
	ada.post("/keys/front/explode", "request", newRequestID()).want(404)
	ada.get("/checkins").want(200, "Front Door")
	if rows := p.doorLog(t); len(rows) != 2 {
		t.Errorf("%d rows in the door log, want 2: attempt and outcome", len(rows))
	}
}

// The script of the page taps through the API.
func TestUnlockByScript(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	var receipt struct {
		At       time.Time
		RelockAt time.Time `json:"relock_at"`
	}
	opened := bob.tap("front", newRequestID()).want(200, `"outcome":"accepted"`)
	if err := json.Unmarshal([]byte(opened.body), &receipt); err != nil || receipt.RelockAt.Sub(receipt.At) != 7*time.Second {
		t.Errorf("the receipt %s (%v), want one that locks again after 7 seconds", opened.body, err)
	}
	p.setTime(t, "2026-05-06T21:00:00+02:00")
	bob.tap("front", newRequestID()).want(200, `"outcome":"denied"`)
	bob.tap("office-4", newRequestID()).want(200, `"outcome":"denied"`)
	if n := p.movements(t, "front"); n != 1 {
		t.Errorf("%d movements, want 1", n)
	}
	p.setTime(t, "2026-05-07T10:00:00+02:00")
	p.sim.Fault("answer_lost_after_move")
	p.sim.Fault("answer_lost_after_move", countOn(1, "/locking")...)
	id := newRequestID()
	bob.tap("front", id).want(200, `"outcome":"unconfirmed"`)
	bob.get("/?request="+id).want(200, "Could not confirm")
	p.visitor(t).tap("front", newRequestID()).want(401)
}

func TestOfficeMode(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada, bob := p.as(t, "ada"), p.as(t, "bob")
	ada.post("/keys/office-4/office-mode", "request", newRequestID()).want(200, "Kept open", "Kept open by you")
	bob.post("/keys/front/office-mode", "request", newRequestID()).want(200, "Not opened")
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

// If the database fails, a script gets a receipt, and a form gets a page. Nothing was sent.
func TestTapWithoutDatabase(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	if err := p.db.Close(); err != nil {
		t.Fatal(err)
	}
	ada.tap("front", newRequestID()).want(200, `"outcome":"not_sent"`, `"store_unavailable"`)
	ada.post("/keys/front/unlock", "request", newRequestID()).want(500, "our side")
	if n := p.sim.Movements(p.sim.World().Sites[0].Locks[0].ID); n != 0 {
		t.Errorf("%d movements, want 0", n)
	}
}

// A member who taps without end is stopped before the door log; others are not. Taps of
// forms and of scripts count together.
func TestTapsAreLimited(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	before, started := len(p.doorLog(t)), time.Now()
	limited := 0
	for i := range tapBurst + 10 {
		answer := ada.tap("no-door", newRequestID())
		if strings.Contains(answer.body, gate.CauseRateLimited.Message()) {
			limited++
		}
		if i == tapBurst {
			ada.post("/keys/no-door/unlock", "request", newRequestID()).want(422, gate.CauseRateLimited.Message())
		}
	}
	rows := len(p.doorLog(t)) - before
	refilled := int(time.Since(started) / (2 * time.Second)) // 30 a minute, by the real clock
	if limited+rows != tapBurst+10 || rows < tapBurst || rows > tapBurst+refilled {
		t.Errorf("%d taps were limited, %d rows in the door log, %d taps more than at once", limited, rows, refilled)
	}
	p.as(t, "bob").post("/keys/front/unlock", "request", newRequestID()).want(200)
}
