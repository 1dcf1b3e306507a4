package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestEveryPage(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	bob := p.as(t, "bob")
	anonymous := p.visitor(t)
	iq := p.sim.World().Sites[0].IQs[0].ID
	for path, text := range map[string]string{
		"/": "Front Door", "/bookings": "Book a room", "/checkins": "My check-ins",
	} {
		mia.get(path).want(200, text)
		bob.get(path).want(200, text)
		if got := anonymous.get(path); got.url.Path != "/login" {
			t.Errorf("%s is shown without a login", path)
		}
	}
	for path, text := range map[string]string{
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
		"/api/staff/log.csv":               "seq,at,at_local,door",
		"/manage/checkins/check-ins.csv":   "day,at,member",
		"/api/staff/log.jsonl":             "",
		"/manage/checkins/check-ins.jsonl": "",
	} {
		mia.get(path).want(200, text)
		if got := bob.get(path); got.status != http.StatusForbidden {
			t.Errorf("%s for a member: status %d, want 403", path, got.status)
		}
		if got := anonymous.get(path); got.url.Path != "/login" && got.status != http.StatusForbidden && got.status != http.StatusUnauthorized {
			t.Errorf("%s is shown without a login", path)
		}
	}
	for _, path := range []string{
		"/manage/doors/none", "/manage/plans/none", "/manage/people/none", "/manage/salto/iq/none", "/manage/log/none",
	} {
		mia.get(path).want(404)
	}
	for _, path := range []string{
		"/manage/switch", "/manage/salto/site", "/manage/salto/disconnect", "/manage/doors", "/manage/doors/front/rename",
		"/manage/plans/day", "/manage/rooms", "/manage/people/bob/standing", "/manage/people/cyd/grant",
	} {
		bob.post(path).want(403)
	}
	for _, path := range []string{"/salto/connect", "/salto/reconnect"} {
		if got := bob.post(path); got.status != http.StatusForbidden {
			t.Errorf("%s for a member: status %d, want 403", path, got.status)
		}
		if got := anonymous.post(path); got.url.Path != "/login" {
			t.Errorf("%s without a login: status %d at %s, want the login page", path, got.status, got.url)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	got := p.as(t, "mia").get("/manage/salto").want(200, "Not connected", "Connect")
	csp := got.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, bad := range []string{"<style", " style=", "<script>", " onclick", "https://"} {
		if strings.Contains(got.body, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

func TestForeignForms(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	r := ada.request("POST", "/keys/front/unlock", "request", newRequestID())
	r.Header.Set("Origin", "http://evil.example")
	ada.do(r).want(403)
	if p.movements(t, "front") != 0 {
		t.Fatal("a form of another origin opened the door")
	}
}

// An incomplete form gives no access.
func TestIncompleteForms(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.post("/manage/people/cyd/standing", "reason", "unpaid").want(422, "active, in grace or blocked")
	mia.get("/manage/people/cyd").want(200, "blocked unpaid")

	mia.post("/manage/doors/front/disable", "disabled", "yes").want(200, "Put back into use")
	mia.post("/manage/doors/front/disable").want(422, "incomplete")
	mia.get("/manage/doors/front").want(200, "Put back into use")

	mia.post("/manage/switch", "to", "off", "why", "a drill").want(200, "All digital keys are switched off")
	mia.post("/manage/switch", "why", "").want(422, "incomplete")
	mia.post("/manage/switch", "to", "on", "why", strings.Repeat("x", 70_000)).want(422, "incomplete") // above the size limit
	mia.get("/manage").want(200, "All digital keys are switched off")
	ada.post("/keys/bikes/unlock", "request", newRequestID()).want(200, "Not opened")
}
