package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain runs the program instead of the tests when a test starts this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_QUICKSTART") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestQuickstart runs the program and checks its output.
func TestQuickstart(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, no program is run")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "RUN_QUICKSTART=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	rest := string(out)
	for _, want := range []string{ // in this order
		`connected as d***@h***.example, site "Harbour House" linked`,
		`IQ "IQ Ground Floor" activated`,
		`lock "Main Entrance" is now Front Door (access_only)`,
		`lock "Office Four" is now Office 4 (access_and_office_mode)`,
		"03:00:00  ada unlock      front     accepted  membership: The door is open. (relocks 03:00:07)",
		"03:00:07  Front Door is locked again",
		"13:44:00  bob unlock      office-4  denied    too_early",
		"13:45:00  bob unlock      office-4  accepted  reservation",
		"13:45:00  cyd unlock      office-4  denied    not_booker",
		"14:00:00  bob office_mode front     denied    office_mode_not_offered",
		"14:00:00  bob office_mode office-4  accepted",
		"14:20:00  Office 4 is in office_mode",
		"14:20:00  bob lock        office-4  accepted",
		"14:34:59  bob unlock      office-4  accepted",
		"14:35:00  bob unlock      office-4  denied    reservation_over",
		"the hash chain is intact: 14 rows",
		"check-in: ada on 2026-05-04",
		"check-in: bob on 2026-05-04",
		"Office Four   lock_opened   by remote: Harbour Doors",
		"Main Entrance lock_opened   by remote: Harbour Doors",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is missing, or out of order, in:\n%s", want, out)
		}
		rest = after
	}
}
