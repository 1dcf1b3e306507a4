package gate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// What an app receives: the second time it is read from the journal.
func ExampleReceipt() {
	g, _ := newSite()
	for range 2 {
		r, _ := g.Unlock(context.Background(), tap("3f1c9a52-one-tap", "ada", "front"))
		r.Decision, r.CheckIn = access.Decision{}, nil // for the width of this page
		text, err := json.MarshalIndent(r, "", " ")
		fmt.Println(string(text), err)
	}
	// Output:
	// {
	//  "request_id": "3f1c9a52-one-tap",
	//  "member": "ada",
	//  "door": "front",
	//  "action": "unlock",
	//  "outcome": "accepted",
	//  "at": "2026-05-04T12:00:00Z",
	//  "relock_at": "2026-05-04T12:00:07Z",
	//  "recorded": true,
	//  "log_row": 1
	// } <nil>
	// {
	//  "request_id": "3f1c9a52-one-tap",
	//  "member": "ada",
	//  "door": "front",
	//  "action": "unlock",
	//  "outcome": "accepted",
	//  "at": "2026-05-04T12:00:00Z",
	//  "relock_at": "2026-05-04T12:00:07Z",
	//  "recorded": true,
	//  "repeated": true,
	//  "log_row": 1
	// } <nil>
}

func ExampleReceipt_Opened() {
	g, _ := newSite()
	r, _ := g.Unlock(context.Background(), tap("3f1c9a52-one-tap", "ada", "front"))
	fmt.Println(r.Opened(), gate.Receipt{}.Opened(), gate.Receipt{Outcome: gate.Unconfirmed}.Opened())
	// Output: true false false
}

// The list of causes is closed: a host can translate all of them.
func ExampleCauses() {
	for _, c := range gate.Causes()[:2] {
		fmt.Println(c, c.Message())
	}
	// Output:
	// not_linked This door is not set up for digital keys.
	// switched_off Digital keys are switched off here at the moment. Please ask the staff.
}

// A driver of another lock system asks Left right before the first byte.
func ExampleCommand() {
	left := 3 * time.Second
	c := gate.Command{
		Link: link("l1"), Action: access.Unlock, SendBy: noon.Add(left), Left: func() time.Duration { return left },
	}
	fmt.Println(c.Link.Lock, c.Action, c.Left())
	left = 0
	fmt.Println(c.Left() <= 0, "means: send nothing")
	// Output:
	// l1 unlock 3s
	// true means: send nothing
}
