package main

import (
	"net/http"
	"testing"
)

func TestMemberships(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	bob := "/manage/people/bob"
	p.as(t, "bob").post(bob+"/join", "plan", "team").want(http.StatusForbidden)
	mia.post(bob+"/join", "plan", "none").want(422, "Choose a plan")
	mia.post(bob+"/join", "plan", "team", "from", "2026-05-08T10:00", "until", "2026-05-08T10:00").want(422, "ends before it begins")
	mia.post(bob+"/join", "plan", "team", "from", "noon").want(422)
	mia.post(bob+"/join", "plan", "team", "until", "2026-05-06T12:00").want(200, "Saved", "Team", "until 12:00", "Bicycle Store")
	p.as(t, "bob").get("/").want(200, "Bicycle Store").wantNot("Your membership has ended")
	p.setTime(t, "2026-05-06T12:00:00+02:00")
	p.as(t, "bob").get("/").want(200, "Bicycle Store Your membership has ended")
	m, err := p.store.Member(t.Context(), siteID, "bob")
	if err != nil {
		t.Fatal(err)
	}
	mia.post(bob+"/leave", "membership", "none").want(404)
	for _, s := range m.Memberships {
		mia.post(bob+"/leave", "membership", s.ID).want(200, "Saved")
	}
	mia.get(bob).want(200, "Memberships None.")
	p.as(t, "bob").get("/").want(200, "You have no keys yet")
	mia.post("/manage/plans/day/delete", "version", "1").want(422, "One person has this plan")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	mia.post("/manage/people/bob/grant", "door", "bikes", "hours.grant", "always", "membership", "yes", "standing", "yes").
		want(200, "Bicycle Store 24/7")
	bob.post("/keys/bikes/unlock", "request", newRequestID()).want(200, "Open")
	mia.post("/manage/people/bob/pause", "membership", "day-12").want(200, "paused")
	bob.post("/keys/bikes/unlock", "request", newRequestID()).want(200, "Not opened")
	mia.post("/manage/people/bob/resume", "membership", "day-12").want(200)
	mia.post("/manage/people/bob/pause", "membership", "none").want(404)
	grants, err := p.store.Grants(t.Context(), siteID, "bob")
	if err != nil || len(grants) != 1 {
		t.Fatal(grants, err)
	}
	mia.post("/manage/people/ada/withdraw", "grant", grants[0].ID).want(404) // it belongs to Bob
	mia.post("/manage/people/bob/withdraw", "grant", grants[0].ID).want(200).wantNot("Bicycle Store 24/7")
	mia.post("/manage/people/bob/grant", "door", "bikes", "hours.grant", "none").want(422)
	mia.post("/manage/people/bob/grant", "door", "nowhere", "hours.grant", "always").want(422)

	mia.post("/manage/people/bob/erase").want(422, "check the box")
	p.setTime(t, "2026-05-06T12:00:00+02:00")
	mia.post("/manage/people/bob/erase", "understood", "yes").want(200, "erased")
	mia.get("/manage/log").want(200, "erased")
	mia.get("/manage/doctor").want(200, "of them erased")
}
