package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestBookingRules(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	bob.get("/manage/settings").want(http.StatusForbidden)
	bob.post("/manage/settings", "version", "1", "before", "0", "after", "0", "do", "save").want(http.StatusForbidden)
	page := mia.get("/manage/settings").want(200, "Minutes before its start")
	for _, field := range []string{
		`name="before" min="0" max="1440" value="15"`, `value="overlap" checked`, `name="standing" value="yes" checked`,
	} {
		if !strings.Contains(page.body, field) {
			t.Errorf("the form does not contain %s", field)
		}
	}
	bob.post("/bookings", "resource", "meeting-room", "start", "2026-05-07T20:00", "minutes", "60").want(200, "Booked")
	wider := []string{"version", "1", "before", "60", "after", "15", "neighbors", "clip", "standing", "yes"}
	mia.post("/manage/settings", wider...).want(200, "What this change does", "Bob Lind gains Front Door on Thu from 19:00 to 19:45")
	mia.post("/manage/settings", append(wider, "do", "save")...).want(200, "Saved")
	mia.post("/manage/settings", append(wider, "do", "save")...).want(409, "Another manager has changed the rules")
	for _, wrong := range []string{"", "-1", "1441", "ten"} {
		mia.post("/manage/settings", "version", "2", "before", wrong, "after", "15").want(422, "as minutes")
	}
	mia.post("/manage/settings", "before", "1", "after", "15").want(422, "incomplete")
	p.setTime(t, "2026-05-07T19:00:00+02:00")
	bob.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
}
