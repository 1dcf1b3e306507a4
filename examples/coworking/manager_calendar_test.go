package main

import (
	"net/http"
	"testing"
)

func TestCalendar(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	bob.get("/manage/calendar").want(http.StatusForbidden)
	bob.post("/manage/calendar", "version", "1", "from", "2026-05-14", "kind", "closed", "do", "save").want(http.StatusForbidden)
	mia.get("/manage/calendar").want(200, "Nothing special ahead")

	closed := []string{"version", "1", "from", "2026-05-14", "kind", "closed"} // a Thursday
	mia.post("/manage/calendar", closed...).
		want(200, "What this change does", "Bob Lind loses Front Door on Thu from 08:00 to 18:00", "Save")
	mia.get("/manage/calendar").want(200, "Nothing special ahead")
	mia.post("/manage/calendar", append(closed, "do", "save")...).want(200, "Saved", "Thu 14 May 2026", "closed")
	mia.post("/manage/calendar", append(closed, "do", "save")...).want(409, "Another manager has changed the rules")
	hours := []string{"version", "2", "kind", "hours", "opens", "10:00"}
	mia.post("/manage/calendar", append(hours, "closes", "14:00", "from", "2026-05-16", "to", "2026-05-17")...).
		want(200, "No access changes on these days") // a weekend: no plan has weekend hours
	mia.post("/manage/calendar", append(hours, "closes", "20:00", "from", "2026-05-15", "to", "2026-05-18")...).
		want(200, "Bob Lind loses Front Door on Mon, Fri from 08:00 to 10:00", "Bob Lind gains Front Door on Mon, Fri from 18:00 to 20:00")
	for _, wrong := range [][]string{
		{"from", "", "kind", "closed"}, {"from", "2026-02-30", "kind", "closed"},
		{"from", "2026-05-15", "to", "2026-05-14", "kind", "closed"},
		{"from", "2026-05-15", "to", "2028-05-14", "kind", "closed"}, {"from", "2026-05-15", "kind", "hours", "opens", "10:00"},
		{"from", "2026-05-15", "kind", "hours", "opens", "10:00", "closes", "10:00"},
	} {
		mia.post("/manage/calendar", append(wrong, "version", "2")...).want(422).wantNot("What this change does")
	}
	mia.post("/manage/calendar", "from", "2026-05-15").want(422, "incomplete")
	mia.post("/manage/calendar", "version", "2", "remove", "7").want(404)

	p.setTime(t, "2026-05-14T12:00:00+02:00")
	bob.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Open") // 24/7
	mia.post("/manage/calendar", "version", "2", "remove", "0").want(200, "Bob Lind gains Front Door on Thu", "Remove it")
	mia.post("/manage/calendar", "version", "2", "remove", "0", "do", "save").want(200, "Saved", "Nothing special ahead")
	bob.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
}

// A closure of one door is reviewed, closes the door for everyone, and is removed.
func TestClosure(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	floor := []string{"version", "1", "kind", "closure", "from", "2026-05-06", "opens", "11:00", "closes", "17:00",
		"door", "office-4", "note", "new floor"}
	mia.post("/manage/calendar", floor...).want(200, "lose Office 4 on Wed from 11:00 to 17:00")
	mia.post("/manage/calendar", append(floor, "do", "save")...).
		want(200, "Saved", "Wed 6 May 2026, 11:00 to 17:00 closed for everyone: new floor Office 4")
	ada.tap("office-4", newRequestID()).want(200, `"outcome":"accepted"`)
	p.setTime(t, "2026-05-06T11:00:00+02:00")
	ada.tap("office-4", newRequestID()).want(200, `"outcome":"denied"`, `"door_closed"`).wantNot("new floor")
	ada.tap("front", newRequestID()).want(200, `"outcome":"accepted"`)
	for _, wrong := range [][]string{
		{"from", "2026-05-06", "opens", "17:00", "closes", "11:00"}, {"from", "2026-05-06", "opens", "noon"},
		{"from", "2026-05-06", "door", "attic"}, {"from", ""},
	} {
		mia.post("/manage/calendar", append(wrong, "version", "2", "kind", "closure")...).want(422).wantNot("What this change does")
	}
	mia.post("/manage/calendar", "version", "2", "remove", "0").want(200, "gain Office 4", "Remove it")
	mia.post("/manage/calendar", "version", "2", "remove", "0", "do", "save").want(200, "Saved", "Nothing special ahead")
	ada.tap("office-4", newRequestID()).want(200, `"outcome":"accepted"`)
}

// An exception may be for some doors only.
func TestExceptionOfOneDoor(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	mia := p.as(t, "mia")
	bikes := []string{"version", "1", "kind", "closed", "from", "2026-05-14", "door", "bikes"}
	mia.post("/manage/calendar", bikes...).want(200, "No access changes on these days") // all have it 24/7
	mia.post("/manage/calendar", append(bikes, "do", "save")...).want(200, "Thu 14 May 2026 closed Bicycle Store")
	front := []string{"version", "2", "kind", "closed", "from", "2026-05-14", "door", "front"}
	mia.post("/manage/calendar", front...).want(200, "Bob Lind loses Front Door")
}
