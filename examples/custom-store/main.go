// Command custom-store is a club that had members and a calendar long before it
// had doors. It keeps its own tables (tables.go) and two readers for them
// (store.go); the other parts it takes ready-made. One test call proves that the
// readers do what the gate relies on (main_test.go).
//
//	go run ./examples/custom-store
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // the club's zone, wherever this runs

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

const club = "chess-club"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	now := time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC) // 20:00 at the club
	own := &tables{
		people: []person{
			{club: club, number: "ada"},
			{club: club, number: "bob", debt: "invoice 17", patience: now.Add(time.Hour)},
			{club: club, number: "eve", debt: "invoice 3", banned: true},
			{club: club, number: "cyd"},
		},
		contracts: []contract{
			{club: club, person: "ada", number: "c1", plan: "full"},
			{club: club, person: "bob", number: "c2", plan: "full"},
			{club: club, person: "eve", number: "c3", plan: "full"},
		},
		calendar: []event{{club: club, number: "e1", room: "hall", person: "cyd", from: now, to: now.Add(2 * time.Hour), state: "booked"}},
	}

	// Doors, rules and everything the gate writes are in a store of this library:
	// here in memory, in earnest sqlstore on the club's database.
	rest := memstore.New()
	err := rest.PutRules(ctx, gate.Rules{
		Site:            access.Site{ID: club, Name: "The Chess Club", TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "full", Doors: []access.DoorHours{{Door: "street", Hours: access.Always()}}}},
		Resources:       []access.Resource{{ID: "hall", Doors: []string{"street", "hall"}}},
	})
	if err != nil {
		return err
	}
	for _, id := range []string{"street", "hall"} {
		err := rest.PutDoor(ctx, club, gate.Door{
			Door: access.Door{ID: id, Name: id, AccessType: access.AccessOnly},
			Link: gate.Link{Site: "their lock system", Lock: "lock-" + id, LinkedAt: now},
		})
		if err != nil {
			return err
		}
	}
	g, err := gate.New(gate.Config{
		Site:    club,
		Facts:   storage.JoinFacts(storage.Readers{Doors: rest, Rules: rest, Members: members{own}, Reservations: bookings{own}}),
		Records: rest,
		Locks:   buzzer{},
		Now:     func() time.Time { return now },
	})
	if err != nil {
		return err
	}

	tap := func(member, door string) error {
		r, err := g.Unlock(ctx, gate.Tap{RequestID: rand.Text(), Member: member, Door: door, TappedAt: now})
		fmt.Printf("%s at %-6s  %-8s  %s: %s\n", member, door, r.Outcome, r.Decision.Reason, r.Message())
		return err
	}
	for _, t := range [][2]string{{"ada", "street"}, {"ada", "hall"}, {"bob", "street"}, {"eve", "street"}, {"cyd", "hall"}, {"zoe", "street"}} {
		if err := tap(t[0], t[1]); err != nil {
			return err
		}
	}
	fmt.Println("the club writes into its own tables: bob's hour is over, eve pays, cyd leaves")
	now = now.Add(time.Hour)
	for i := range own.people {
		if p := &own.people[i]; p.number == "eve" {
			p.debt, p.banned = "", false
		}
	}
	own.calendar[0].left = now.Add(-20 * time.Minute)
	for _, t := range [][2]string{{"bob", "street"}, {"eve", "street"}, {"cyd", "hall"}} {
		if err := tap(t[0], t[1]); err != nil {
			return err
		}
	}
	v, err := g.Verify(ctx, gate.Head{}, gate.Head{})
	fmt.Printf("the door log holds: %d rows\n", v.Rows)
	return err
}

// buzzer stands for the lock system.
type buzzer struct{}

func (buzzer) Move(_ context.Context, c gate.Command) gate.Result {
	if c.Left() <= 0 {
		return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseDeadline}
	}
	return gate.Result{Outcome: gate.Accepted}
}
