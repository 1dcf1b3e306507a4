package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func countOn(n int, part string) []saltokstest.FaultOption {
	return []saltokstest.FaultOption{saltokstest.Count(n), saltokstest.On(part)}
}

// consent does what the button does and then plays the browser at SALTO.
func (v *visitor) consent(path string, choice saltokstest.ConsentChoice) answer {
	v.t.Helper()
	login := v.redirected(path)
	back, err := v.sim.Consent(v.t.Context(), login, choice)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.get(back.RequestURI())
}

// redirected is where a form leads, without going there.
func (v *visitor) redirected(path string) string {
	v.t.Helper()
	client := *v.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(v.request("POST", path))
	if err != nil {
		v.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 3 {
		v.t.Fatalf("%s: status %d", path, resp.StatusCode)
	}
	return resp.Header.Get("Location")
}

func TestConnectByHand(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "fresh")
	mia := p.as(t, "mia")
	mia.get("/manage/salto").wants(200, "Not connected", "Site admin")
	mia.get("/manage/salto/disconnect").wants(422, "not connected")
	mia.get("/manage/doors").wants(200, "not connected")
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")

	no := saltokstest.Allow()
	no.Deny = true
	mia.consent("/salto/connect", no).wants(422, "You did not allow")
	half := saltokstest.Allow()
	half.OfflineAccess = false
	mia.consent("/salto/connect", half).wants(422, "Offline access")
	mia.get("/manage/salto").wants(200, "Not connected")

	mia.consent("/salto/connect", saltokstest.Allow()).wants(200, "SALTO KS is connected", "Which site is this space?", "Harbour House")
	mia.post("/manage/salto/site", "site", "00000000-0000-4000-8000-000000000000").wants(422)
	site := p.sim.World().Sites[0]
	mia.post("/manage/salto/site", "site", site.ID).wants(200, "Connected, site linked", "IQ Ground Floor", "IQ First Floor", "not activated")

	iq := "/manage/salto/iq/" + site.IQs[0].ID
	mia.get(iq).wants(200, "Activate this IQ?")
	mia.post(iq+"/confirm", "pin", "1234").wants(422)
	mia.post(iq+"/begin").wants(200, "Where shall SALTO send the PIN?")
	mia.post(iq+"/request", "channel", "sms").wants(200, "Enter the PIN")
	mia.post(iq+"/request", "channel", "mail").wants(200, "on its way")
	mia.get("/demo/mailbox").wants(200, "sms", "email")
	mia.post(iq+"/confirm", "pin", "12").wants(422, "exactly 4 digits")
	mia.post(iq+"/confirm", "pin", p.sim.IQPIN(p.sim.World().Users[0].Email)).wants(200, "The IQ is activated")
	mia.post(iq + "/explode").wants(404)

	mia.post("/manage/doors/front/link", "lock", site.Locks[0].ID).wants(200, "The lock is linked", "Main Entrance")
	mia.post("/manage/doors/bikes/link", "lock", site.Locks[0].ID).wants(422, "has a door already")
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	if p.moved(t, "front") != 1 {
		t.Error("the door did not open")
	}
}

func TestDoors(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	before := len(p.sim.Requests())
	mia.post("/manage/doors/front/rename", "name", "Harbour Gate").wants(200, "Harbour Gate", "Main Entrance")
	for _, r := range p.sim.Requests()[before:] {
		if r.Method != "GET" {
			t.Errorf("renaming wrote to SALTO: %s %s", r.Method, r.Path)
		}
	}
	mia.post("/manage/doors/front/rename", "name", " ").wants(422)
	mia.post("/manage/doors/front/access", "access", "access_and_office_mode").wants(200, "Saved")
	p.as(t, "ada").get("/").wants(200, "Keep open")
	mia.post("/manage/doors/front/access", "access", "anything").wants(422)
	mia.post("/manage/doors/front/disable", "disabled", "yes").wants(200, "Put back into use")
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")
	mia.post("/manage/doors/front/disable", "disabled", "no").wants(200)
	mia.post("/manage/doors/front/unlink").wants(200, "No lock is linked")
	mia.get("/manage/doors").wants(200, "Locks that no door uses")
	mia.post("/manage/doors", "lock", p.sim.World().Sites[0].Locks[0].ID, "name", "Side Door", "access", "access_only").wants(200, "Side Door")
	mia.post("/manage/doors/front/explode").wants(404)
	p.sim.SetSchedule(p.sim.World().Sites[0].Locks[1].ID, &saltokstest.Schedule{Monday: true, Tuesday: true, Wednesday: true, StartTime: "08:00:00", EndTime: "19:00:00"})
	mia.get("/manage/doors").wants(200, "locks at 19:00, Mon–Wed")
}

func TestWhoCanOpen(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	mia.get("/manage/doors/front?at=2026-05-06T12:00").wants(200, "5 of 6")
	mia.get("/manage/doors/front?at=2026-05-06T03:00").wants(200, "4 of 6", "no: outside hours")
	mia.get("/manage/doors/front?at=noon").wants(422)
}

func TestPlanWhatIf(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	weekdays := []string{"version", "1", "hours.front", "weekly", "from.front.0", "08:00", "to.front.0", "18:00",
		"day.front.0", "1", "day.front.0", "2", "day.front.0", "3", "day.front.0", "4", "day.front.0", "5", "hours.bikes", "always"}
	got := mia.post("/manage/plans/resident", weekdays...)
	got.wants(200, "What this change does", "3 people lose Front Door", "Save")
	rules, err := p.store.Rules(t.Context(), space)
	if err != nil {
		t.Fatal(err)
	}
	if rules.Version != 1 {
		t.Fatal("a look wrote")
	}
	mia.post("/manage/plans/day", "version", "1", "hours.front", "always").wants(200, "Bob Lind gains Front Door")
	mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly", "from.front.0", "00:00", "to.front.0", "00:00",
		"day.front.0", "1", "day.front.0", "2", "day.front.0", "3", "day.front.0", "4", "day.front.0", "5", "hours.bikes", "always").
		wants(200, "3 people lose Front Door at weekends", "Ada Brandt, Dee Costa, Eli Sato")
	mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly").wants(422, "at least one day")
	mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly", "from.front.0", "08:00", "to.front.0", "09:00").wants(422, "tick the days")
	mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly", "from.front.0", "8", "day.front.0", "1").wants(422, "both times")
	typed := mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly", "from.front.0", "07:15", "to.front.0", "", "day.front.0", "6", "hours.bikes", "none")
	typed.wants(422, "both times")
	for _, kept := range []string{`name="from.front.0" value="07:15"`, `name="day.front.0" value="6" checked`, `name="hours.front" value="weekly" checked`, `name="hours.bikes" value="none" checked`} {
		if !strings.Contains(typed.body, kept) {
			t.Errorf("the form forgot %s", kept)
		}
	}

	mia.post("/manage/plans/resident", append(weekdays, "do", "save")...).wants(200, "Saved", "Mon–Fri 08:00–18:00")
	mia.post("/manage/plans/resident", append(weekdays, "do", "save")...).wants(409, "Somebody else changed")
	p.to(t, "2026-05-09T12:00:00+02:00")
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")
}

func TestRooms(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	mia.post("/manage/rooms", "version", "1", "room.meeting-room", "meeting", "new", "Studio", "newdoor", "front").wants(200, "What this change does", "Studio")
	mia.post("/manage/rooms", "version", "1", "room.meeting-room", "meeting", "new", "Studio", "room.studio", "front", "do", "save").wants(200, "Saved", "Studio")
	mia.post("/manage/rooms", "version", "2", "new", "Studio").wants(422, "of that name")
	p.as(t, "bob").get("/bookings").wants(200, "Studio")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, bob := p.as(t, "mia"), p.as(t, "bob")
	mia.post("/manage/people/bob/grant", "door", "bikes", "hours.grant", "always", "membership", "yes", "standing", "yes").wants(200, "Bicycle Store 24/7")
	bob.post("/keys/bikes/unlock", "request", tapID()).wants(200, "Open")
	mia.post("/manage/people/bob/pause", "membership", "day-12").wants(200, "paused")
	bob.post("/keys/bikes/unlock", "request", tapID()).wants(200, "Not opened")
	mia.post("/manage/people/bob/resume", "membership", "day-12").wants(200)
	mia.post("/manage/people/bob/pause", "membership", "none").wants(404)
	grants, err := p.store.Grants(t.Context(), space, "bob")
	if err != nil || len(grants) != 1 {
		t.Fatal(grants, err)
	}
	mia.post("/manage/people/ada/withdraw", "grant", grants[0].ID).wants(404) // it is Bob's
	mia.post("/manage/people/bob/withdraw", "grant", grants[0].ID).wants(200).lacks("Bicycle Store 24/7")
	mia.post("/manage/people/bob/grant", "door", "bikes", "hours.grant", "none").wants(422)
	mia.post("/manage/people/bob/grant", "door", "nowhere", "hours.grant", "always").wants(422)

	mia.post("/manage/people/bob/erase").wants(422, "tick the box")
	p.to(t, "2026-05-06T12:00:00+02:00")
	mia.post("/manage/people/bob/erase", "understood", "yes").wants(200, "erased")
	mia.get("/manage/log").wants(200, "erased")
	mia.get("/manage/doctor").wants(200, "of them erased")
}

func TestLogAndExports(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	p.as(t, "ada").post("/keys/front/unlock", "request", tapID()).wants(200)
	p.as(t, "cyd").post("/keys/front/unlock", "request", tapID()).wants(200)
	mia.get("/manage/log").wants(200, "Ada Brandt", "Cyd Okoye", "standing blocked")
	mia.get("/manage/log?member=ada").wants(200, "unlock accepted")
	mia.get("/manage/log?outcome=denied&from=2026-05-06&until=2026-05-06").wants(200, "standing blocked")
	mia.get("/manage/log?until=2026-05-05").wants(200, "Nothing here")
	mia.get("/manage/log?outcome=nonsense").wants(422)
	mia.get("/manage/log?from=noon").wants(422)
	csv := mia.get("/manage/log/door-log.csv?member=ada").wants(200, "ada")
	if strings.Contains(csv.body, "cyd") {
		t.Error("the export has rows that the filter left out")
	}
	for line := range strings.Lines(mia.get("/manage/log/door-log.jsonl").wants(200).body) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	mia.get("/manage/checkins?member=ada").wants(200, "2026-05-06 Ada Brandt Front Door")
	mia.get("/manage/checkins/check-ins.csv").wants(200, "2026-05-06,", ",ada,front,unlock,")
	mia.get("/manage/checkins/check-ins.jsonl").wants(200, `"member":"ada"`)
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.post("/manage/switch", "to", "off").wants(422, "say why")
	mia.post("/manage/switch", "to", "off", "why", "a drill").wants(200, "All doors are switched off", "a drill")
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")
	mia.post("/manage/switch", "to", "on").wants(200).lacks("All doors are switched off")
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
}

func TestDay90(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia := p.as(t, "mia")
	mia.get("/manage").wants(200).lacks("runs out soon")
	doorsBefore := mia.get("/manage/doors").text()
	mia.post("/demo/clock", "to", "day76", "from", "/manage").wants(200, "The SALTO KS connection runs out soon")
	p.as(t, "bob").get("/").wants(200).lacks("SALTO KS connection")
	mia.post("/demo/clock", "to", "day90", "from", "/manage").wants(200)
	mia.post("/demo/clock", "to", "morning", "from", "/manage").wants(200)
	ada := p.as(t, "ada")
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")
	mia.get("/manage").wants(200, "SALTO KS wants you to log in again")
	mia.get("/manage/doctor").wants(200, "critical")

	owner := p.sim.World().Users[1]
	wrong := saltokstest.Allow()
	wrong.Email, wrong.Password = owner.Email, owner.Password
	mia.consent("/salto/reconnect", wrong).wants(409, "That was another SALTO user", "o***@h***.example", "d***@h***.example").lacks(owner.Email)
	mia.get("/manage").wants(200, "SALTO KS wants you to log in again")
	mia.get("/manage/salto").wants(200, "keeps every door, name and activation").lacks("stops", "will be lost", "SALTO's support")
	mia.consent("/salto/reconnect", saltokstest.Allow()).wants(200, "SALTO KS is connected").lacks("wants you to log in again", "stops", "will be lost", "SALTO's support")
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	for _, kept := range []string{"Front Door", "Main Entrance", "Office Four"} {
		if !strings.Contains(doorsBefore, kept) {
			t.Fatal("the page of before lacks", kept)
		}
		mia.get("/manage/doors").wants(200, kept)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.get("/manage/salto/disconnect").wants(200, "IQ Ground Floor", "reconnect", "4 doors")
	mia.post("/manage/salto/disconnect").wants(422, "tick the box")
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	mia.post("/manage/salto/disconnect", "understood", "yes").wants(200, "disconnected", "Not connected")
	p.sim.Clock().Advance(5e9) // a tap within two seconds would share the last one's command
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Not opened")

	// The same user comes back to everything that was there.
	mia.consent("/salto/connect", saltokstest.Allow()).wants(200, "Which site")
	mia.post("/manage/salto/site", "site", p.sim.World().Sites[0].ID).wants(200, "activated")
	p.sim.Clock().Advance(5e9)
	ada.post("/keys/front/unlock", "request", tapID()).wants(200, "Open")
	if n := p.moved(t, "front"); n != 2 {
		t.Errorf("%d movements, want 2", n)
	}
}
