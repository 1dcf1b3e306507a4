package gate_test

import (
	"testing"

	"github.com/doorkit/doorkit/access/gate"
)

func TestEveryCauseHasItsSentence(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range gate.Causes() {
		if !c.Valid() || c.Message() == "" || seen[string(c)] {
			t.Errorf("cause %q: valid %t, message %q", c, c.Valid(), c.Message())
		}
		seen[string(c)] = true
	}
	if gate.Cause("").Valid() || gate.Cause("made up").Valid() {
		t.Error("an unknown cause is valid")
	}
}
