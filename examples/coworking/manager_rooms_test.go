package main

import (
	"testing"
)

func TestRooms(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	form := []string{"version", "1", "room.meeting-room", "meeting", "new", "Studio"}
	mia.post("/manage/rooms", append(form, "newdoor", "front")...).want(200, "What this change does", "Studio")
	mia.post("/manage/rooms", append(form, "room.studio", "front", "do", "save")...).want(200, "Saved", "Studio")
	mia.post("/manage/rooms", "version", "2", "new", "Studio").want(422, "with this name exists")
	p.as(t, "bob").get("/bookings").want(200, "Studio")
}
