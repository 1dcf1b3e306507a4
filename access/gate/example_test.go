package gate_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// obedient is a lock system that accepts every command.
type obedient struct{}

func (obedient) Move(context.Context, gate.Command) gate.Result {
	return gate.Result{Outcome: gate.Accepted}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// newSite returns a gate at a site with two doors, where ada is a resident.
func newSite() (*gate.Gate, *memstore.Store) {
	ctx := context.Background()
	store := memstore.New()
	for _, err := range []error{
		store.PutRules(ctx, gate.Rules{
			Site: access.Site{ID: "loft", Name: "The Loft", TimeZone: "Europe/Berlin"},
			MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{
				{Door: "front", Hours: access.Always()}, {Door: "office-4", Hours: access.Always()},
			}}},
		}),
		store.PutDoor(ctx, "loft", gate.Door{Door: access.Door{ID: "front", Name: "Front Door", AccessType: access.AccessOnly},
			Link: link("l1")}),
		store.PutDoor(ctx, "loft", gate.Door{Door: access.Door{ID: "office-4", Name: "Office 4", AccessType: access.AccessAndOfficeMode},
			Link: link("l2")}),
		store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: "ada",
			Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}),
	} {
		if err != nil {
			log.Fatal(err)
		}
	}
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: store, Records: store, Locks: obedient{},
		Now: func() time.Time { return noon },
	})
	if err != nil {
		log.Fatal(err)
	}
	return g, store
}

func tap(id, member, door string) gate.Tap {
	return gate.Tap{RequestID: id, Member: member, Door: door, TappedAt: noon}
}

func ExampleNew() {
	store := memstore.New()
	_, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: obedient{}})
	fmt.Println(err)
	_, err = gate.New(gate.Config{Site: "loft", Facts: store, Records: store})
	fmt.Println(err)
	// Output:
	// <nil>
	// gate: bad configuration: Locks: required: saltolocks.NewLocks returns one for SALTO KS
}

func ExampleGate_Unlock() {
	g, _ := newSite()
	r, err := g.Unlock(context.Background(), tap("3f1c9a52-one-tap", "ada", "front"))
	fmt.Println(r.Outcome, r.Decision.Reason, r.Message(), err)
	fmt.Println("locks again at", r.RelockAt.Format(time.TimeOnly), "check-in of", r.CheckIn.Day)
	r, err = g.Unlock(context.Background(), tap("77b0de14-one-tap", "bob", "front"))
	fmt.Println(r.Outcome, r.Decision.Reason, err)
	// Output:
	// accepted membership The door is open. <nil>
	// locks again at 12:00:07 check-in of 2026-05-04
	// denied unknown_member <nil>
}

func ExampleGate_StartOfficeMode() {
	g, _ := newSite()
	ctx := context.Background()
	r, _ := g.StartOfficeMode(ctx, tap("5a0e77c1-one-tap", "ada", "office-4"))
	fmt.Println(r.Outcome, r.Message())
	holds, _ := g.Holds(ctx)
	fmt.Println(holds[0].Door, "is held by", holds[0].Member)
	r, _ = g.StartOfficeMode(ctx, tap("914dcb09-one-tap", "ada", "front"))
	fmt.Println(r.Outcome, r.Decision.Reason)
	// Output:
	// accepted The door stays open until you lock it.
	// office-4 is held by ada
	// denied office_mode_not_offered
}

func ExampleGate_Lock() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.StartOfficeMode(ctx, tap("5a0e77c1-one-tap", "ada", "office-4"))
	r, _ := g.Lock(ctx, tap("c2f50b8d-one-tap", "ada", "office-4"))
	holds, _ := g.Holds(ctx)
	fmt.Println(r.Outcome, r.Message(), len(holds), "holds")
	// Output: accepted The door is locked. 0 holds
}

func ExampleGate_Receipt() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	r, err := g.Receipt(ctx, "ada", "3f1c9a52-one-tap")
	fmt.Println(r.Outcome, r.Door, err)
	_, err = g.Receipt(ctx, "bob", "3f1c9a52-one-tap")
	fmt.Println(err)
	// Output:
	// accepted front <nil>
	// gate: no request "3f1c9a52-one-tap" of this member, or none of the last 30 days: storage: not found
}

func ExampleGate_Wait() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	r, err := g.Wait(ctx, "ada", "3f1c9a52-one-tap")
	fmt.Println(r.Outcome, err)
	// Output: accepted <nil>
}

func ExampleGate_Recover() {
	g, _ := newSite()
	n, err := g.Recover(context.Background())
	fmt.Println(n, "commands had lost their process", err)
	// Output: 0 commands had lost their process <nil>
}

func ExampleGate_SwitchOff() {
	g, _ := newSite()
	ctx := context.Background()
	_ = g.SwitchOff(ctx, "eve", "a lost phone")
	r, _ := g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	fmt.Println(r.Outcome, r.Cause)
	now, _ := g.KillSwitch(ctx)
	fmt.Println(now.Off, now.By, now.Why)
	_ = g.SwitchOn(ctx, "eve", "found")
	r, _ = g.Unlock(ctx, tap("77b0de14-one-tap", "ada", "front"))
	fmt.Println(r.Outcome)
	// Output:
	// denied switched_off
	// true eve a lost phone
	// accepted
}
