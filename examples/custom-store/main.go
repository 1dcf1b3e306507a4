// Command custom-store is a host that keeps members and bookings in its own tables
// (tables.go). It implements the two readers that the gate requires for them (store.go)
// and uses a store of doorkit for everything else. One test call checks that the readers
// keep the contract of package storage (main_test.go).
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
			{club: club, number: "bob", debt: "invoice 17", payBy: now.Add(time.Hour)},
			{club: club, number: "eve", debt: "invoice 3", banned: true},
			{club: club, number: "cyd"},
		},
		contracts: []contract{
			{club: club, person: "ada", number: "c1", plan: "full"},
			{club: club, person: "bob", number: "c2", plan: "full"},
			{club: club, person: "eve", number: "c3", plan: "full"},
		},
		calendar: []event{
			{club: club, number: "e1", room: "hall", person: "cyd", from: now, to: now.Add(2 * time.Hour), state: "booked"},
		},
	}
	rest, err := newStore(ctx, now)
	if err != nil {
		return err
	}
	g, err := gate.New(gate.Config{
		Site:    club,
		Facts:   storage.JoinFacts(storage.Readers{Doors: rest, Rules: rest, Members: members{own}, Reservations: bookings{own}}),
		Records: rest,
		Locks:   fakeLocks{},
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
	for _, t := range [][2]string{
		{"ada", "street"}, {"ada", "hall"}, {"bob", "street"}, {"eve", "street"}, {"cyd", "hall"}, {"zoe", "street"},
	} {
		if err := tap(t[0], t[1]); err != nil {
			return err
		}
	}
	fmt.Println("one hour later: bob's grace period is over, eve has paid, cyd has left early")
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
	fmt.Printf("the door log is intact: %d rows\n", v.Rows)
	return err
}

// newStore returns the store for the doors, the rules and what the gate writes. It is in
// memory here; in production it is an sqlstore on the club's database.
func newStore(ctx context.Context, now time.Time) (*memstore.Store, error) {
	store := memstore.New()
	err := store.PutRules(ctx, gate.Rules{
		Site:            access.Site{ID: club, Name: "The Chess Club", TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "full", Doors: []access.DoorHours{{Door: "street", Hours: access.Always()}}}},
		Resources:       []access.Resource{{ID: "hall", Doors: []string{"street", "hall"}}},
	})
	if err != nil {
		return nil, err
	}
	for _, id := range []string{"street", "hall"} {
		err := store.PutDoor(ctx, club, gate.Door{
			Door: access.Door{ID: id, Name: id, AccessType: access.AccessOnly},
			Link: gate.Link{Site: "their lock system", Lock: "lock-" + id, LinkedAt: now},
		})
		if err != nil {
			return nil, err
		}
	}
	return store, nil
}

// fakeLocks replaces the lock system: every command in time succeeds.
type fakeLocks struct{}

func (fakeLocks) Move(_ context.Context, c gate.Command) gate.Result {
	if c.Left() <= 0 {
		return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseDeadline}
	}
	return gate.Result{Outcome: gate.Accepted}
}
