package main

import (
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// The Connect button of an outdated page, or of a second window, does not replace the SALTO
// user whose IQs are activated.
func TestConnectTwice(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	mia := p.as(t, "mia")
	other := saltokstest.Allow()
	other.Email, other.Password = p.sim.World().Users[1].Email, p.sim.World().Users[1].Password
	second := p.as(t, "mia")
	waiting := second.redirected("/salto/connect")
	mia.consent("/salto/connect", saltokstest.Allow()).want(200, "SALTO KS is connected")
	mia.post("/manage/salto/site", "site", p.sim.World().Sites[0].ID).want(200, "Connected, site linked")

	mia.post("/salto/connect").want(422, "already connected")
	back, err := p.sim.Consent(t.Context(), waiting, other)
	if err != nil {
		t.Fatal(err)
	}
	second.get(back.RequestURI()).want(422, "already connected")
	mia.get("/manage/salto").want(200, "Connected, site linked", "d***@h***.example")
}

func TestConnectByHand(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	mia := p.as(t, "mia")
	mia.get("/manage/salto").want(200, "Not connected", "Site admin")
	mia.get("/manage/salto/disconnect").want(422, "not connected")
	mia.get("/manage/doors").want(200, "not connected")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")

	no := saltokstest.Allow()
	no.Deny = true
	mia.consent("/salto/connect", no).want(422, "You did not allow")
	half := saltokstest.Allow()
	half.OfflineAccess = false
	mia.consent("/salto/connect", half).want(422, "Offline access")
	mia.get("/manage/salto").want(200, "Not connected")

	mia.consent("/salto/connect", saltokstest.Allow()).want(200, "SALTO KS is connected", "Which site is this space?", "Harbour House")
	mia.post("/manage/salto/site", "site", "00000000-0000-4000-8000-000000000000").want(422)
	site := p.sim.World().Sites[0]
	mia.post("/manage/salto/site", "site", site.ID).want(200, "Connected, site linked", "IQ Ground Floor", "IQ First Floor", "not activated")

	iq := "/manage/salto/iq/" + site.IQs[0].ID
	mia.get(iq).want(200, "Activate this IQ?")
	mia.post(iq+"/confirm", "pin", "1234").want(422)
	mia.post(iq+"/begin").want(200, "Where should SALTO send the PIN?")
	mia.post(iq+"/request", "channel", "sms").want(200, "Enter the PIN")
	mia.post(iq+"/request", "channel", "mail").want(200, "on its way")
	mia.get("/demo/mailbox").want(200, "sms", "email")
	mia.post(iq+"/confirm", "pin", "12").want(422, "exactly 4 digits")
	mia.post(iq+"/confirm", "pin", p.sim.IQPIN(p.sim.World().Users[0].Email)).want(200, "The IQ is activated")
	mia.post(iq + "/explode").want(404)

	mia.post("/manage/doors/front/link", "lock", site.Locks[0].ID).want(200, "The lock is linked", "Main Entrance")
	mia.post("/manage/doors/bikes/link", "lock", site.Locks[0].ID).want(422, "already linked")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	if p.movements(t, "front") != 1 {
		t.Error("the door did not open")
	}
}

func TestDay90(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	mia.get("/manage").want(200).wantNot("expires soon")
	doorsBefore := mia.get("/manage/doors").text()
	mia.post("/demo/clock", "to", "day76", "from", "/manage").want(200, "The SALTO KS connection expires soon")
	p.as(t, "bob").get("/").want(200).wantNot("SALTO KS connection")
	mia.post("/demo/clock", "to", "day90", "from", "/manage").want(200)
	mia.post("/demo/clock", "to", "morning", "from", "/manage").want(200)
	ada := p.as(t, "ada")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	mia.get("/manage").want(200, "SALTO KS requires a new login")
	mia.get("/manage/doctor").want(200, "critical")

	owner := p.sim.World().Users[1]
	wrong := saltokstest.Allow()
	wrong.Email, wrong.Password = owner.Email, owner.Password
	mia.consent("/salto/reconnect", wrong).
		want(409, "That was another SALTO user", "o***@h***.example", "d***@h***.example").wantNot(owner.Email)
	mia.get("/manage").want(200, "SALTO KS requires a new login")
	loss := []string{"stops", "will be lost", "SALTO's support", "SALTO support"}
	mia.get("/manage/salto").want(200, "keeps every door, name and activation").wantNot(loss...)
	mia.consent("/salto/reconnect", saltokstest.Allow()).want(200, "SALTO KS is connected").
		wantNot("requires a new login").wantNot(loss...)
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	for _, kept := range []string{"Front Door", "Main Entrance", "Office Four"} {
		if !strings.Contains(doorsBefore, kept) {
			t.Fatalf("before day 90 the page of the doors does not contain %q", kept)
		}
		mia.get("/manage/doors").want(200, kept)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.get("/manage/salto/disconnect").want(200, "IQ Ground Floor", "reconnect", "4 doors")
	mia.post("/manage/salto/disconnect").want(422, "check the box")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	mia.post("/manage/salto/disconnect", "understood", "yes").want(200, "disconnected", "Not connected")
	p.sim.Clock().Advance(5 * time.Second) // a tap within two seconds would share the command of the last one
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")

	// After the same user connects again, doors and activations are still there.
	mia.consent("/salto/connect", saltokstest.Allow()).want(200, "Which site")
	mia.post("/manage/salto/site", "site", p.sim.World().Sites[0].ID).want(200, "activated")
	p.sim.Clock().Advance(5 * time.Second)
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	if n := p.movements(t, "front"); n != 2 {
		t.Errorf("%d movements, want 2", n)
	}
}
