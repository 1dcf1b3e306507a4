package gate_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// A manager's change: read the rules, change them, ask access.Compile, put them
// back with the Version they came with.
func ExampleRules() {
	_, store := newSite()
	ctx := context.Background()
	rules, err := store.Rules(ctx, "loft")
	if err != nil {
		log.Fatal(err)
	}
	doc, err := storage.Export(ctx, storage.ReadersOf(store), "loft")
	if err != nil {
		log.Fatal(err)
	}
	facts := doc.Facts
	facts.MembershipTypes = append(facts.MembershipTypes, access.MembershipType{ID: "evening", Doors: []access.DoorHours{{Door: "front"}}})
	_, err = access.Compile(facts)
	if bad, ok := errors.AsType[*access.FactsError](err); ok {
		for _, f := range bad.Faults {
			fmt.Println(f.Path, f.What)
		}
	}
	facts.MembershipTypes[1].Doors[0].Hours = access.Weekly(access.Range{Days: access.Days(access.Mon, access.Fri), From: access.At(18, 0),
		To: access.At(24, 0)})
	if _, err := access.Compile(facts); err != nil {
		log.Fatal(err)
	}
	rules.MembershipTypes = facts.MembershipTypes
	fmt.Println(store.PutRules(ctx, rules))
	fmt.Println(errors.Is(store.PutRules(ctx, rules), gate.ErrConflict)) // another manager changed them before
	// Output:
	// membership_types[1].doors[0].hours at least one range, or "always", is required
	// <nil>
	// true
}

// silent is a lock system that accepts the connection and never answers.
type silent struct{}

func (silent) Move(context.Context, gate.Command) gate.Result {
	return gate.Result{Outcome: gate.Unconfirmed, Cause: gate.CauseNoAnswer}
}

// It is unknown whether the door opened: wait a little for proof, then show the
// message.
func ExampleGate_Wait_unconfirmed() {
	_, store := newSite()
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: silent{}, Now: func() time.Time { return noon }})
	if err != nil {
		log.Fatal(err)
	}
	_, _ = g.Unlock(context.Background(), tap("3f1c9a52-one-tap", "ada", "front"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	r, err := g.Wait(ctx, "ada", "3f1c9a52-one-tap")
	fmt.Println(r.Outcome, errors.Is(err, context.DeadlineExceeded))
	fmt.Println(r.Message())
	// Output:
	// unconfirmed true
	// We got no clear answer from the door. Please try the door, then tap again if it is shut.
}
