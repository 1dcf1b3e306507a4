package main

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestDoors(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	before := len(p.sim.Requests())
	mia.post("/manage/doors/front/rename", "name", "Harbour Gate").want(200, "Harbour Gate", "Main Entrance")
	for _, r := range p.sim.Requests()[before:] {
		if r.Method != "GET" {
			t.Errorf("renaming wrote to SALTO: %s %s", r.Method, r.Path)
		}
	}
	mia.post("/manage/doors/front/rename", "name", " ").want(422)
	mia.post("/manage/doors/front/access", "access", "access_and_office_mode").want(200, "Saved")
	p.as(t, "ada").get("/").want(200, "Keep open")
	mia.post("/manage/doors/front/access", "access", "anything").want(422)
	mia.post("/manage/doors/front/disable", "disabled", "yes").want(200, "Put back into use")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	mia.post("/manage/doors/front/disable", "disabled", "no").want(200)
	mia.post("/manage/doors/front/unlink").want(200, "No lock is linked")
	mia.get("/manage/doors").want(200, "Locks without a door")
	mia.post("/manage/doors", "lock", p.sim.World().Sites[0].Locks[0].ID, "name", "Side Door", "access", "access_only").want(200, "Side Door")
	mia.post("/manage/doors/front/explode").want(404)
	p.sim.SetSchedule(p.sim.World().Sites[0].Locks[1].ID, &saltokstest.Schedule{
		Monday: true, Tuesday: true, Wednesday: true, StartTime: "08:00:00", EndTime: "19:00:00",
	})
	mia.get("/manage/doors").want(200, "locks at 19:00, Mon–Wed")
}

func TestWhoCanOpen(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	mia.get("/manage/doors/front?at=2026-05-06T12:00").want(200, "5 of 6")
	mia.get("/manage/doors/front?at=2026-05-06T03:00").want(200, "4 of 6", "no: outside hours")
	mia.get("/manage/doors/front?at=noon").want(422)
}
