package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// Request ids come from members' apps. A spreadsheet must not run them as formulas.
func TestExportsEscapeFormulas(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	p.as(t, "ada").post("/keys/front/unlock", "request", `=HYPERLINK("http://evil.example")`).want(200, "Open")
	mia := p.as(t, "mia")
	for _, file := range []string{"/api/staff/log.csv", "/manage/checkins/check-ins.csv"} {
		got := mia.get(file).want(200, "HYPERLINK")
		if strings.Contains(got.body, `"=HYPERLINK`) || strings.Contains(got.body, ",=HYPERLINK") {
			t.Errorf("%s contains a formula:\n%s", file, got.body)
		}
	}
}

func TestLogAndExports(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200)
	p.as(t, "cyd").post("/keys/front/unlock", "request", newRequestID()).want(200)
	mia.get("/manage/log").want(200, "Ada Brandt", "Cyd Okoye", "standing blocked")
	mia.get("/manage/log?member=ada").want(200, "unlock accepted")
	mia.get("/manage/log?outcome=denied&from=2026-05-06&until=2026-05-06").want(200, "standing blocked")
	mia.get("/manage/log?until=2026-05-05").want(200, "No entries")
	mia.get("/manage/log?outcome=nonsense").want(422)
	mia.get("/manage/log?from=noon").want(422)
	csv := mia.get("/api/staff/log.csv?member=ada").want(200, "ada")
	if strings.Contains(csv.body, "cyd") {
		t.Error("the export contains rows that the filter excludes")
	}
	for line := range strings.Lines(mia.get("/api/staff/log.jsonl").want(200).body) {
		if !json.Valid([]byte(line)) {
			t.Errorf("the line is not JSON: %s", line)
		}
	}
	mia.get("/manage/checkins?member=ada").want(200, "2026-05-06 Ada Brandt Front Door")
	mia.get("/manage/checkins/check-ins.csv").want(200, "2026-05-06,", ",ada,front,unlock,")
	mia.get("/manage/checkins/check-ins.jsonl").want(200, `"member":"ada"`)
}

// A tap is one line, with its outcome and a reason in words.
func TestLogHasOneLinePerTap(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	p.as(t, "ada").tap("front", newRequestID()).want(200)
	p.as(t, "bob").tap("office-4", newRequestID()).want(200)
	page := p.as(t, "mia").get("/manage/log").want(200, "Ada Brandt at Front Door unlock accepted by membership",
		"Bob Lind at Office 4 unlock denied has no key to this door").wantNot("no entitlement")
	if lines := strings.Count(page.body, `id="row-`); lines != 2 {
		t.Errorf("%d lines for two taps", lines)
	}
}
