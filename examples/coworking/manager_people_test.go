package main

import (
	"net/http"
	"regexp"
	"strings"
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
	mia.post("/manage/doctor").want(200, "of them erased")
}

// The manager adds a person with a plan and an individual key. The person logs in with the
// password that the page shows.
func TestNewPerson(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	p.as(t, "bob").post("/manage/people", "name", "Fay Moss", "email", "fay@harbour.example").want(http.StatusForbidden)
	for field, form := range map[string][]string{
		"name":  {"name", " ", "email", "fay@harbour.example"},
		"email": {"name", "Fay Moss", "email", "fay"},
	} {
		if page := mia.post("/manage/people", form...).want(422); !strings.Contains(page.body, `id="fault-`+field+`"`) {
			t.Errorf("the error is not beside the field %s", field)
		}
	}
	mia.post("/manage/people", "name", "Bob Two", "email", "Bob@harbour.example").want(422, "already")
	mia.post("/manage/people", "name", "Fay Moss", "email", "fay@harbour.example", "plan", "none").want(422)
	added := mia.post("/manage/people", "name", "Fay Moss", "email", "Fay@harbour.example", "plan", "day").want(200, "Fay Moss is added")
	password := regexp.MustCompile(`<code>(\w+)</code>`).FindStringSubmatch(added.body)
	person := regexp.MustCompile(`/manage/people/(p-\w+)`).FindStringSubmatch(added.body)
	if password == nil || person == nil {
		t.Fatalf("the page has no password or link:\n%s", added.text())
	}
	mia.post(person[0]+"/grant", "door", "bikes", "hours.grant", "always").want(200, "Bicycle Store 24/7")
	fay := p.visitor(t)
	fay.post("/login", "email", "fay@harbour.example", "password", password[1]).want(200, "Front Door", "Bicycle Store")
	fay.tap("bikes", newRequestID()).want(200, `"outcome":"accepted"`)
	mia.get("/manage/people").want(200, "Fay Moss")
}
