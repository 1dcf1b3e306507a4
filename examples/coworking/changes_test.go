package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestNewPlan(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	p.as(t, "bob").post("/manage/plans", "name", "Evening").wants(http.StatusForbidden)
	p.as(t, "bob").post("/manage/plans/day/delete", "version", "1").wants(http.StatusForbidden)
	mia.post("/manage/plans", "name", " - ").wants(422, "a name")
	mia.post("/manage/plans", "name", "Day").wants(422, "of that name")
	mia.post("/manage/plans", "name", "Evening").wants(200, "The plan is there", "Plan Evening", "Front Door")
	evening := []string{"version", "2", "hours.front", "weekly", "from.front.0", "18:00", "to.front.0", "00:00", "day.front.0", "3"}
	mia.post("/manage/plans/evening", evening...).wants(200, "Nobody gains or loses a door")
	mia.post("/manage/plans/evening", append(evening, "do", "save")...).wants(200, "Saved", "Wed 18:00–00:00", "0 people")

	mia.post("/manage/plans/day/delete", "version", "3").wants(422, "2 people have this plan")
	mia.post("/manage/plans/team/delete", "version", "3").wants(422, "One person has this plan")
	mia.post("/manage/plans/evening/delete").wants(422, "incomplete")
	mia.post("/manage/plans/evening/delete", "version", "2").wants(409, "Somebody else changed")
	mia.post("/manage/plans/none/delete", "version", "3").wants(404)
	mia.post("/manage/plans/evening/delete", "version", "3").wants(200, "The plan is deleted").lacks("Edit Evening")
	mia.get("/manage/doctor").wants(200).lacks("In its facts")
}

func TestHolidays(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	bob.get("/manage/holidays").wants(http.StatusForbidden)
	bob.post("/manage/holidays", "version", "1", "from", "2026-05-14", "kind", "closed", "do", "save").wants(http.StatusForbidden)
	mia.get("/manage/holidays").wants(200, "No holidays")

	closed := []string{"version", "1", "from", "2026-05-14", "kind", "closed"} // a Thursday
	mia.post("/manage/holidays", closed...).wants(200, "What this change does", "Bob Lind loses Front Door on Thu from 08:00 to 18:00", "Save")
	mia.get("/manage/holidays").wants(200, "No holidays")
	mia.post("/manage/holidays", append(closed, "do", "save")...).wants(200, "Saved", "Thu 14 May 2026", "closed")
	mia.post("/manage/holidays", append(closed, "do", "save")...).wants(409, "Somebody else changed")
	mia.post("/manage/holidays", "version", "2", "from", "2026-05-16", "to", "2026-05-17", "kind", "hours", "opens", "10:00", "closes", "14:00").
		wants(200, "Nobody gains or loses a door on these days") // a weekend: no plan has weekend hours
	mia.post("/manage/holidays", "version", "2", "from", "2026-05-15", "to", "2026-05-18", "kind", "hours", "opens", "10:00", "closes", "20:00").
		wants(200, "Bob Lind loses Front Door on Mon, Fri from 08:00 to 10:00", "Bob Lind gains Front Door on Mon, Fri from 18:00 to 20:00")
	for _, wrong := range [][]string{
		{"from", "", "kind", "closed"}, {"from", "2026-02-30", "kind", "closed"}, {"from", "2026-05-15", "to", "2026-05-14", "kind", "closed"},
		{"from", "2026-05-15", "to", "2028-05-14", "kind", "closed"}, {"from", "2026-05-15", "kind", "hours", "opens", "10:00"},
		{"from", "2026-05-15", "kind", "hours", "opens", "10:00", "closes", "10:00"},
	} {
		mia.post("/manage/holidays", append(wrong, "version", "2")...).wants(422).lacks("What this change does")
	}
	mia.post("/manage/holidays", "from", "2026-05-15").wants(422, "incomplete")
	mia.post("/manage/holidays", "version", "2", "remove", "7").wants(404)

	p.to(t, "2026-05-14T12:00:00+02:00")
	bob.post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200, "Open") // 24/7
	mia.post("/manage/holidays", "version", "2", "remove", "0").wants(200, "Bob Lind gains Front Door on Thu", "Remove it")
	mia.post("/manage/holidays", "version", "2", "remove", "0", "do", "save").wants(200, "Saved", "No holidays")
	bob.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
}

// TestResetIQ: SALTO's side loses the activation, and the wizard leads back.
func TestResetIQ(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	world := p.sim.World()
	id, user := world.Sites[0].IQs[0].ID, world.Users[0].Email
	iq := "/manage/salto/iq/" + id
	mia.post(iq+"/restart").wants(422, "already") // it works: nothing to start again
	p.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(id))
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")
	mia.get("/manage/salto").wants(200, "restore required")
	mia.get(iq).wants(200, "The IQ was reset", "Restore the IQ")
	mia.post(iq+"/restore").wants(200, "The IQ is restored", "Start again")
	mia.post(iq+"/restart").wants(200, "Where shall SALTO send the PIN?")
	mia.post(iq+"/request", "channel", "mail").wants(200, "Enter the PIN")
	mia.post(iq+"/confirm", "pin", p.sim.IQPIN(user)).wants(200, "The IQ is activated")
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	if p.moved(t, "front") != 1 {
		t.Error("the door did not open once")
	}
}

// TestAdopt: another integration activated the user before this platform came.
func TestAdopt(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "fresh")
	mia := p.as(t, "mia")
	world := p.sim.World()
	site, user := world.Sites[0], world.Users[0].Email
	id := site.IQs[0].ID
	_, pin := p.sim.Activate(user, id)
	mia.consent("/salto/connect", saltokstest.Allow()).wants(200)
	mia.post("/manage/salto/site", "site", site.ID).wants(200, "activated elsewhere")
	iq := "/manage/salto/iq/" + id
	mia.get(iq).wants(200, "activated outside of this installation", "Adopt the activation")
	mia.post(iq+"/adopt", "code", "12").wants(422, "five characters")
	mia.post(iq+"/adopt", "code", p.sim.WrongOTP(user, id)).wants(422, "did not take that code")
	mia.post(iq+"/adopt", "code", p.sim.OTP(user, id)).wants(200, "gave the secret out", "SALTO sends none").lacks("Where shall SALTO send the PIN?")
	mia.post(iq+"/confirm", "pin", pin).wants(200, "The IQ is activated")
	mia.post("/manage/doors/front/link", "lock", site.Locks[0].ID).wants(200)
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	if p.moved(t, "front") != 1 {
		t.Error("the door did not open once")
	}
}

func TestMemberships(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	bob := "/manage/people/bob"
	p.as(t, "bob").post(bob+"/join", "plan", "team").wants(http.StatusForbidden)
	mia.post(bob+"/join", "plan", "none").wants(422, "Choose a plan")
	mia.post(bob+"/join", "plan", "team", "from", "2026-05-08T10:00", "until", "2026-05-08T10:00").wants(422, "ends before it begins")
	mia.post(bob+"/join", "plan", "team", "from", "noon").wants(422)
	mia.post(bob+"/join", "plan", "team", "until", "2026-05-06T12:00").wants(200, "Saved", "Team", "until 12:00", "Bicycle Store")
	p.as(t, "bob").get("/").wants(200, "Bicycle Store").lacks("Your membership has ended")
	p.to(t, "2026-05-06T12:00:00+02:00")
	p.as(t, "bob").get("/").wants(200, "Bicycle Store Your membership has ended")
	m, err := p.store.Member(t.Context(), space, "bob")
	if err != nil {
		t.Fatal(err)
	}
	mia.post(bob+"/leave", "membership", "none").wants(404)
	for _, s := range m.Memberships {
		mia.post(bob+"/leave", "membership", s.ID).wants(200, "Saved")
	}
	mia.get(bob).wants(200, "Memberships None.")
	p.as(t, "bob").get("/").wants(200, "You have no keys yet")
	mia.post("/manage/plans/day/delete", "version", "1").wants(422, "One person has this plan")
}

func TestBookingRules(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	bob.get("/manage/settings").wants(http.StatusForbidden)
	bob.post("/manage/settings", "version", "1", "before", "0", "after", "0", "do", "save").wants(http.StatusForbidden)
	page := mia.get("/manage/settings").wants(200, "Minutes before its start")
	for _, now := range []string{`name="before" min="0" max="1440" value="15"`, `value="overlap" checked`, `name="standing" value="yes" checked`} {
		if !strings.Contains(page.body, now) {
			t.Errorf("the form does not say %s", now)
		}
	}
	bob.post("/bookings", "resource", "meeting-room", "start", "2026-05-07T20:00", "minutes", "60").wants(200, "Booked")
	wider := []string{"version", "1", "before", "60", "after", "15", "neighbours", "clip", "standing", "yes"}
	mia.post("/manage/settings", wider...).wants(200, "What this change does", "Bob Lind gains Front Door on Thu from 19:00 to 19:45")
	mia.post("/manage/settings", append(wider, "do", "save")...).wants(200, "Saved")
	mia.post("/manage/settings", append(wider, "do", "save")...).wants(409, "Somebody else changed")
	for _, wrong := range []string{"", "-1", "1441", "ten"} {
		mia.post("/manage/settings", "version", "2", "before", wrong, "after", "15").wants(422, "as minutes")
	}
	mia.post("/manage/settings", "before", "1", "after", "15").wants(422, "incomplete")
	p.to(t, "2026-05-07T19:00:00+02:00")
	bob.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
}
