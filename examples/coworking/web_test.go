package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEveryPage(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	bob := p.as(t, "bob")
	stranger := p.visitor(t)
	iq := p.sim.World().Sites[0].IQs[0].ID
	for path, says := range map[string]string{
		"/": "Front Door", "/bookings": "Book a room", "/checkins": "My check-ins",
	} {
		mia.get(path).wants(200, says)
		bob.get(path).wants(200, says)
		if got := stranger.get(path); got.at.Path != "/login" {
			t.Errorf("%s shown to a stranger", path)
		}
	}
	for path, says := range map[string]string{
		"/manage":                          "connected, site linked",
		"/manage/salto":                    "Connected, site linked",
		"/manage/salto/iq/" + iq:           "Activated",
		"/manage/salto/disconnect":         "Remote opening stops within 30 seconds",
		"/manage/doors":                    "Main Entrance",
		"/manage/doors/front":              "Who can open this door?",
		"/manage/plans":                    "Mon–Fri 08:00–18:00",
		"/manage/plans/day":                "Review the change",
		"/manage/rooms":                    "Meeting room",
		"/manage/people":                   "Cyd Okoye",
		"/manage/people/cyd":               "unpaid",
		"/manage/log":                      "Door log",
		"/manage/checkins":                 "Check-ins",
		"/manage/doctor":                   "rows verified",
		"/demo/mailbox":                    "owner@harbour.example",
		"/manage/log/door-log.csv":         "seq,at,at_local,door",
		"/manage/checkins/check-ins.csv":   "day,at,member",
		"/manage/log/door-log.jsonl":       "",
		"/manage/checkins/check-ins.jsonl": "",
	} {
		mia.get(path).wants(200, says)
		if got := bob.get(path); got.status != http.StatusForbidden {
			t.Errorf("%s answers a member with %d", path, got.status)
		}
		if got := stranger.get(path); got.at.Path != "/login" && got.status != http.StatusForbidden {
			t.Errorf("%s shown to a stranger", path)
		}
	}
	for _, path := range []string{"/manage/doors/none", "/manage/plans/none", "/manage/people/none", "/manage/salto/iq/none", "/manage/log/none"} {
		mia.get(path).wants(404)
	}
	for _, path := range []string{"/manage/switch", "/manage/salto/site", "/manage/salto/disconnect", "/manage/doors", "/manage/doors/front/rename",
		"/manage/plans/day", "/manage/rooms", "/manage/people/bob/standing", "/manage/people/cyd/grant"} {
		bob.post(path).wants(403)
	}
	for _, path := range []string{"/salto/connect", "/salto/reconnect"} {
		if got := bob.post(path); got.status != http.StatusForbidden {
			t.Errorf("%s answers a member with %d", path, got.status)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "fresh")
	got := p.as(t, "mia").get("/manage/salto").wants(200, "Not connected", "Connect")
	csp := got.head.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, bad := range []string{"<style", " style=", "<script>", " onclick", "https://"} {
		if strings.Contains(got.body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestForeignForms(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	ada := p.as(t, "ada")
	r := ada.request("POST", "/keys/front/unlock", "request", tapID())
	r.Header.Set("Origin", "http://evil.example")
	ada.do(r).wants(403)
	if p.moved(t, "front") != 0 {
		t.Fatal("a form on a strange page opened the door")
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "fresh")
	v := p.visitor(t)
	v.post("/login", "email", "mia@harbour.example", "password", "wrong").wants(401, "do not fit")
	v.post("/login", "email", "nobody@harbour.example", "password", "wrong").wants(401, "do not fit")
	for range 10 {
		v.post("/login", "email", "mia@harbour.example", "password", "wrong")
	}
	v.post("/login", "email", "mia@harbour.example", "password", testPassword).wants(429, "wait a minute")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "fresh")
	bob := p.as(t, "bob")
	cookies := bob.client.Jar.Cookies(bob.request("GET", "/").URL)
	bob.post("/logout").wants(200, "Log in")
	for _, c := range cookies {
		r := bob.request("GET", "/bookings")
		r.AddCookie(c)
		if got := bob.do(r); got.at.Path != "/login" {
			t.Error("the old session still works")
		}
	}
}

func TestUnlockByForm(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	ada := p.as(t, "ada")
	id := tapID()
	ada.post("/keys/front/unlock", "request", id).wants(200, "Open", "Yours at any time")
	ada.post("/keys/front/unlock", "request", id).wants(200, "Open") // the same tap again
	if n := p.moved(t, "front"); n != 1 {
		t.Fatalf("%d movements for one tap", n)
	}
	p.sim.Clock().Advance(8 * time.Second)
	ada.get("/?door=front&request="+id).wants(200, "It was open")
	ada.post("/keys/front/unlock", "request", "short").wants(422)
	ada.post("/keys/front/explode", "request", tapID()).wants(404)
	ada.get("/checkins").wants(200, "Front Door")
	if rows := p.log(t); len(rows) != 2 {
		t.Errorf("%d rows in the door log, want attempt and outcome", len(rows))
	}
}

func TestUnlockByScript(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	tap := func(door string) answer {
		r := bob.request("POST", "/keys/"+door+"/unlock", "request", tapID())
		r.Header.Set("Accept", "application/json")
		return bob.do(r).wants(200)
	}
	tap("front").wants(200, `"tone":"open"`, `"seconds":7`)
	p.to(t, "2026-05-06T21:00:00+02:00")
	tap("front").wants(200, `"tone":"no"`, `"outcome":"denied"`)
	tap("office-4").wants(200, `"tone":"no"`)
	if n := p.moved(t, "front"); n != 1 {
		t.Errorf("%d movements", n)
	}
	p.to(t, "2026-05-07T10:00:00+02:00")
	p.sim.Fault("answer_lost_after_move")
	p.sim.Fault("answer_lost_after_move", countOn(1, "/locking")...)
	tap("front").wants(200, `"tone":"unsure"`, "Could not confirm")
}

func TestOfficeMode(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	ada, bob := p.as(t, "ada"), p.as(t, "bob")
	ada.post("/keys/office-4/keep-open", "request", tapID()).wants(200, "Kept open", "Kept open by you")
	bob.post("/keys/front/keep-open", "request", tapID()).wants(200, "Not opened")
	p.as(t, "mia").get("/manage").wants(200, "door is kept open")
	ada.post("/keys/office-4/lock", "request", tapID()).wants(200, "Locked").lacks("Kept open by you")
}

func TestBlockedMember(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	cyd := p.as(t, "cyd")
	cyd.get("/").wants(200, "Front Door", "Try to open").lacks("unpaid")
	cyd.post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened").lacks("unpaid")
	mia := p.as(t, "mia")
	mia.post("/manage/people/cyd/standing", "state", "good").wants(200, "Saved")
	cyd.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	mia.post("/manage/people/cyd/standing", "state", "grace").wants(422, "date")
	mia.post("/manage/people/cyd/standing", "state", "grace", "until", "2026-05-20T00:00").wants(200, "grace")
	mia.post("/manage/people/cyd/standing", "state", "nonsense").wants(422)
}

func TestBookings(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob, ada := p.as(t, "bob"), p.as(t, "ada")
	bob.get("/bookings").wants(200, "10:30", "Cancel")
	ada.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T11:00", "minutes", "60").wants(422, "taken")
	ada.post("/bookings", "resource", "no-room", "start", "2026-05-06T11:00", "minutes", "60").wants(422, "no such room")
	ada.post("/bookings", "resource", "meeting-room", "start", "yesterday", "minutes", "60").wants(422)
	ada.post("/bookings", "resource", "meeting-room", "start", "2025-05-06T11:00", "minutes", "60").wants(422)
	ada.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T11:00", "minutes", "5").wants(422)
	ada.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T12:00", "minutes", "60").wants(200, "Booked.", "12:00")

	// Another member's booking is not there.
	for _, verb := range []string{"end", "extend", "cancel"} {
		ada.post("/bookings/welcome/"+verb).wants(404, "no such booking")
	}
	bob.post("/bookings/welcome/end").wants(422, "not started")
	bob.post("/bookings/welcome/extend").wants(200, "extended", "12:00") // up to Ada's
	bob.post("/bookings/welcome/extend").wants(422, "taken")
	bob.post("/bookings/welcome/shrink").wants(404)

	p.to(t, "2026-05-06T10:40:00+02:00")
	bob.get("/").wants(200, "Meeting Room", "Yours until 12:15")
	bob.post("/bookings/welcome/end").wants(200, "has ended")
	bob.get("/").wants(200, "Yours until 10:55")
	p.to(t, "2026-05-06T10:55:00+02:00")
	bob.post("/keys/meeting/unlock", "request", tapID())
	if n := p.moved(t, "meeting"); n != 0 {
		t.Error("a booking that ended opened the room")
	}
	bob.get("/bookings").wants(200, "ended early")
}

func TestCancelledBooking(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	bob.get("/").wants(200, "Meeting Room")
	bob.post("/bookings/welcome/cancel").wants(200, "cancelled")
	bob.get("/").wants(200).lacks("Meeting Room")
}

func TestDemoClock(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	bob.post("/demo/clock", "to", "evening", "from", "/bookings").wants(200, "21:00", "My bookings")
	bob.post("/demo/clock", "to", "evening", "from", "//evil.example").wants(200, "My keys")
	bob.post("/demo/clock", "to", "never").wants(422)
	if got := p.visitor(t).post("/demo/clock", "to", "quarter"); got.at.Path != "/login" {
		t.Error("a stranger moved the clock")
	}
}
