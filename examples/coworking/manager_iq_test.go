package main

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestResetIQ restores and activates an IQ after SALTO has lost its activation.
func TestResetIQ(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	world := p.sim.World()
	id, user := world.Sites[0].IQs[0].ID, world.Users[0].Email
	iq := "/manage/salto/iq/" + id
	mia.post(iq+"/restart").want(422, "already") // the IQ is activated
	p.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(id))
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	mia.get("/manage/salto").want(200, "restore required")
	mia.get(iq).want(200, "The IQ was reset", "Restore the IQ")
	mia.post(iq+"/restore").want(200, "The IQ is restored", "Start again")
	mia.post(iq+"/restart").want(200, "Where should SALTO send the PIN?")
	mia.post(iq+"/request", "channel", "mail").want(200, "Enter the PIN")
	mia.post(iq+"/confirm", "pin", p.sim.IQPIN(user)).want(200, "The IQ is activated")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	if p.movements(t, "front") != 1 {
		t.Error("the door did not move exactly once")
	}
}

// TestAdopt adopts the activation of another integration.
func TestAdopt(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	mia := p.as(t, "mia")
	world := p.sim.World()
	site, user := world.Sites[0], world.Users[0].Email
	id := site.IQs[0].ID
	_, pin := p.sim.Activate(user, id)
	mia.consent("/salto/connect", saltokstest.Allow()).want(200)
	mia.post("/manage/salto/site", "site", site.ID).want(200, "activated elsewhere")
	iq := "/manage/salto/iq/" + id
	mia.get(iq).want(200, "activated outside of this installation", "Adopt the activation")
	mia.post(iq+"/adopt", "code", "12").want(422, "five characters")
	mia.post(iq+"/adopt", "code", p.sim.WrongOTP(user, id)).want(422, "did not accept this code")
	mia.post(iq+"/adopt", "code", p.sim.OTP(user, id)).
		want(200, "SALTO accepted the code", "SALTO does not send a new one").wantNot("Where should SALTO send the PIN?")
	mia.post(iq+"/confirm", "pin", pin).want(200, "The IQ is activated")
	mia.post("/manage/doors/front/link", "lock", site.Locks[0].ID).want(200)
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
	if p.movements(t, "front") != 1 {
		t.Error("the door did not move exactly once")
	}
}
