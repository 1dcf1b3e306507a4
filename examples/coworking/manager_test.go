package main

import (
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestSwitch(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.post("/manage/switch", "to", "off").want(422, "give a reason")
	mia.post("/manage/switch", "to", "off", "why", "a drill").want(200, "All digital keys are switched off", "a drill")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	mia.post("/manage/switch", "to", "on").want(200).wantNot("All digital keys are switched off")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
}

// The overview shows the doors with their last use, today, what is wrong, and the last
// openings of both logs.
func TestOverview(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.get("/manage").want(200, "not checked yet", "Front Door not used lately", "10:30 to 11:30 Meeting room Bob Lind",
		"No check-ins yet", "No door was opened yet")
	ada.tap("front", newRequestID()).want(200)
	p.sim.OpenFromInside(p.sim.World().Sites[0].Locks[3].ID)
	p.setTime(t, "2026-05-06T10:25:00+02:00")
	world := p.sim.World()
	p.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(world.Sites[0].IQs[0].ID))
	ada.tap("front", newRequestID()).want(200, `"restore_required"`)
	if err := p.site.RunOnce(t.Context()); err != nil {
		t.Log(err) // jobs that need the IQ fail
	}
	page := mia.get("/manage").want(200, "checked 10:25", "1 check-in today", "10:20 Ada Brandt Front Door",
		"10:20 Front Door Ada Brandt, unlock", "Front Door last used 10:20", "1 critical issue", "The IQ was reset")
	for _, link := range []string{`href="/manage/log#row-2"`, `href="/manage/saltolog#entry-`, `href="/manage/doors/front"`,
		`href="/manage/doctor"`} {
		if !strings.Contains(page.body, link) {
			t.Errorf("the page does not contain the link %s", link)
		}
	}
	mia.get("/manage/saltolog").want(200, "Front Door", "Bicycle Store", "opened by inside handle",
		"Ada Brandt at Front Door opened by remote")
}

// The Doctor names doors and people, not ids.
func TestDoctorWithNames(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	mia.post("/manage/doors/office-4/unlink").want(200)
	mia.post("/manage/people/cyd/grant", "door", "bikes", "hours.grant", "always", "membership", "yes").want(200)
	mia.post("/manage/people/cyd/leave", "membership", "day-13").want(200)
	mia.get("/manage/doctor").want(200, "Office 4: No lock is linked to it.", "the key of Cyd Okoye to Bicycle Store").
		wantNot("office-4", "grant g-")
}

// The Doctor verifies each row of the door log once. Its button verifies all of them again, and
// finds a row that was changed after it was verified.
func TestVerifyWholeLog(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	p.as(t, "ada").tap("front", newRequestID()).want(200)
	mia := p.as(t, "mia")
	mia.get("/manage/doctor").want(200, "All rows verified, up to row 2.")
	mia.post("/manage/doctor").want(200, "All 2 rows were verified again")
	changed, err := p.db.ExecContext(t.Context(), `UPDATE doorkit_log SET door = 'bikes' WHERE seq = 1`)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := changed.RowsAffected(); n != 1 {
		t.Fatalf("%d rows changed (%v), want 1", n, err)
	}
	mia.get("/manage/doctor").want(200, "All rows verified, up to row 2.")
	mia.post("/manage/doctor").want(200, "row 1").wantNot("verified again")
	p.as(t, "bob").post("/manage/doctor").want(403)
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	p.visitor(t).get("/none").want(404, "Page not found", "Harbour House")
	p.as(t, "mia").get("/manage/none").want(404, "Page not found", "Log out")
	p.as(t, "mia").get("/manage/switch").want(404, "Page not found")
}
