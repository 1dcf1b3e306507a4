package main

import (
	"testing"
)

func TestSwitch(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.post("/manage/switch", "to", "off").want(422, "give a reason")
	mia.post("/manage/switch", "to", "off", "why", "a drill").want(200, "All digital keys are switched off", "a drill")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
	mia.post("/manage/switch", "to", "on").want(200).wantNot("All digital keys are switched off")
	ada.post("/keys/front/unlock", "request", newRequestID()).want(200, "Open")
}
