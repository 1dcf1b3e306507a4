package main

import (
	"net/http"
	"testing"
)

func TestHolidays(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	bob.get("/manage/holidays").want(http.StatusForbidden)
	bob.post("/manage/holidays", "version", "1", "from", "2026-05-14", "kind", "closed", "do", "save").want(http.StatusForbidden)
	mia.get("/manage/holidays").want(200, "No holidays")

	closed := []string{"version", "1", "from", "2026-05-14", "kind", "closed"} // a Thursday
	mia.post("/manage/holidays", closed...).
		want(200, "What this change does", "Bob Lind loses Front Door on Thu from 08:00 to 18:00", "Save")
	mia.get("/manage/holidays").want(200, "No holidays")
	mia.post("/manage/holidays", append(closed, "do", "save")...).want(200, "Saved", "Thu 14 May 2026", "closed")
	mia.post("/manage/holidays", append(closed, "do", "save")...).want(409, "Another manager has changed the rules")
	hours := []string{"version", "2", "kind", "hours", "opens", "10:00"}
	mia.post("/manage/holidays", append(hours, "closes", "14:00", "from", "2026-05-16", "to", "2026-05-17")...).
		want(200, "No access changes on these days") // a weekend: no plan has weekend hours
	mia.post("/manage/holidays", append(hours, "closes", "20:00", "from", "2026-05-15", "to", "2026-05-18")...).
		want(200, "Bob Lind loses Front Door on Mon, Fri from 08:00 to 10:00", "Bob Lind gains Front Door on Mon, Fri from 18:00 to 20:00")
	for _, wrong := range [][]string{
		{"from", "", "kind", "closed"}, {"from", "2026-02-30", "kind", "closed"},
		{"from", "2026-05-15", "to", "2026-05-14", "kind", "closed"},
		{"from", "2026-05-15", "to", "2028-05-14", "kind", "closed"}, {"from", "2026-05-15", "kind", "hours", "opens", "10:00"},
		{"from", "2026-05-15", "kind", "hours", "opens", "10:00", "closes", "10:00"},
	} {
		mia.post("/manage/holidays", append(wrong, "version", "2")...).want(422).wantNot("What this change does")
	}
	mia.post("/manage/holidays", "from", "2026-05-15").want(422, "incomplete")
	mia.post("/manage/holidays", "version", "2", "remove", "7").want(404)

	p.setTime(t, "2026-05-14T12:00:00+02:00")
	bob.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Open") // 24/7
	mia.post("/manage/holidays", "version", "2", "remove", "0").want(200, "Bob Lind gains Front Door on Thu", "Remove it")
	mia.post("/manage/holidays", "version", "2", "remove", "0", "do", "save").want(200, "Saved", "No holidays")
	bob.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
}
