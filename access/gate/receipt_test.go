package gate_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
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

// The journal has one document for each unlock: once its outcome is final, it has what the
// receipt needs and does not repeat columns, nor the detail of the door log.
func TestDocumentOfAnEntry(t *testing.T) {
	for outcome, want := range map[gate.Outcome]string{
		gate.Accepted:    "allowed day lock reason relock_after revision visit",
		gate.Refused:     "allowed cause reason relock_after revision",
		gate.NotSent:     "allowed cause reason relock_after revision",
		gate.Unconfirmed: "allowed cause evidence link reason relock_after revision source tapped_at zone",
		gate.Denied:      "reason revision",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			b.driver.move = answers(outcome, gate.CauseForbidden)
			tap := b.tap("ada", "front")
			if outcome == gate.Denied {
				tap.Member = "bob"
			}
			if r := b.unlock(tap); r.Outcome != outcome {
				t.Fatalf("got %+v", r)
			}
			found, err := b.store.Lookup(t.Context(), storage.RequestKey{Site: site, Member: tap.Member, RequestID: tap.RequestID}, "")
			if err != nil || found.Entry == nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := json.Unmarshal(found.Entry.Doc, &doc); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(doc)), " "); got != want {
				t.Errorf("%s: the document has\n%s, want\n%s", outcome, got, want)
			}
		})
	}
}
