package gate_test

import (
	"testing"

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
