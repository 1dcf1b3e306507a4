package gate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
)

func TestEveryCauseHasItsSentence(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range gate.Causes() {
		if c.Message() == "" || seen[string(c)] {
			t.Errorf("cause %q: message %q", c, c.Message())
		}
		seen[string(c)] = true
	}
	if gate.Cause("").Message() != "" || gate.Cause("made up").Message() != "" {
		t.Error("an unknown cause has a sentence")
	}
}

// Causes is a closed list: what is missing has no sentence for the member.
func TestCausesAreComplete(t *testing.T) {
	want := []gate.Cause{
		gate.CauseNotLinked, gate.CauseSwitchedOff, gate.CauseCondition, gate.CauseDeadline, gate.CauseClock, gate.CauseCancelled,
		gate.CauseBadRequest, gate.CauseRequestReused, gate.CauseStoreUnavailable, gate.CauseUnknownSite, gate.CauseBadFacts,
		gate.CauseInternal, gate.CauseIQNotActivated, gate.CauseIQOffline, gate.CauseLockOffline, gate.CauseLinkOutdated,
		gate.CauseLockGone, gate.CauseRestoreRequired, gate.CausePINNotChanged, gate.CauseOTPInvalid, gate.CauseOTPBlocked,
		gate.CauseNotConnected, gate.CauseReauthorize, gate.CauseTokenRefused, gate.CauseClientRefused, gate.CauseForbidden,
		gate.CauseNoSubscription, gate.CauseRateLimited, gate.CauseRefused, gate.CauseCloudUnavailable, gate.CauseNoAnswer,
		gate.CauseInterrupted, gate.CauseStillSending, gate.CauseLeftOpen, gate.CauseIntrusion, gate.CauseBatteryLow,
		gate.CausePrivacyMode, gate.CauseReauthorizeDue, gate.CauseSeatsNearlyFull,
	}
	if diff := cmp.Diff(want, gate.Causes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
