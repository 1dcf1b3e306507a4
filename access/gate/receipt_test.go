package gate_test

import (
	"testing"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// The sentence for the member is that of the condition, the cause, the outcome or the
// rules, in this order; what has none is an internal fault.
func TestReceiptMessage(t *testing.T) {
	denied := access.Decision{Reason: access.ReasonNoEntitlement}
	for name, c := range map[string]struct {
		receipt gate.Receipt
		want    string
	}{
		"condition": {gate.Receipt{Outcome: gate.Denied, Cause: gate.CauseCondition,
			Condition: &gate.UnmetCondition{Code: "visits", Message: "Full."}}, "Full."},
		"condition without a sentence": {gate.Receipt{Outcome: gate.Denied, Cause: gate.CauseCondition,
			Condition: &gate.UnmetCondition{Code: "visits"}}, gate.CauseCondition.Message()},
		"cause": {gate.Receipt{Outcome: gate.Denied, Decision: denied, Cause: gate.CauseDeadline},
			gate.CauseDeadline.Message()},
		"unlocked":                  {gate.Receipt{Outcome: gate.Accepted, Action: access.Unlock}, "The door is open."},
		"locked":                    {gate.Receipt{Outcome: gate.Accepted, Action: access.Lock}, "The door is locked."},
		"office mode":               {gate.Receipt{Outcome: gate.Accepted, Action: access.OfficeMode}, "The door stays open until you lock it."},
		"denied":                    {gate.Receipt{Outcome: gate.Denied, Decision: denied}, denied.Message()},
		"denied without a reason":   {gate.Receipt{Outcome: gate.Denied}, gate.CauseInternal.Message()},
		"unconfirmed, no cause":     {gate.Receipt{Outcome: gate.Unconfirmed}, gate.CauseNoAnswer.Message()},
		"refused without its cause": {gate.Receipt{Outcome: gate.Refused}, gate.CauseInternal.Message()},
		"the zero receipt":          {gate.Receipt{}, gate.CauseInternal.Message()},
	} {
		if got := c.receipt.Message(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if m := gate.CauseInternal.Message(); m == "" || m == (gate.Receipt{Outcome: gate.Unconfirmed}).Message() {
		t.Errorf("the message of an internal fault is %q", m)
	}
}
