package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/access/gate/storage/storagetest"
	"github.com/doorkit/doorkit/reservation"
)

// TestMain runs the program instead of the tests when TestProgram starts this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_CUSTOM_STORE") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestReaders checks the readers with the storage suite: a host needs no other test for
// them. The suite writes what it reads, so the test adds writers (writers_test.go).
func TestReaders(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storagetest.Storage {
		own, rest := &tables{}, memstore.New()
		w := &writers{members: members{own}, bookings: bookings{own}, t: own}
		return storagetest.Storage{
			Members: w, Reservations: w, Doors: rest, Rules: rest, ReadOnly: true,
			Facts: storage.JoinFacts(storage.Readers{Doors: rest, Rules: rest, Members: members{own}, Reservations: bookings{own}}),
		}
	})
}

func TestProgram(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "RUN_CUSTOM_STORE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{
		"ada at street  accepted  membership: ",
		"ada at hall    denied    not_booker: ",
		"bob at street  accepted  membership: ",
		"eve at street  denied    standing_blocked: ",
		"cyd at hall    accepted  reservation: ",
		"zoe at street  denied    unknown_member: ",
		"one hour later: ",
		"bob at street  denied    standing_blocked: ",
		"eve at street  accepted  membership: ",
		"cyd at hall    denied    reservation_over: ",
		"the door log is intact: 13 rows",
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), out)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("line %d: %q, want %q...", i+1, got[i], want[i])
		}
	}
}

// The mapping from the club's columns to the rules. An unknown state opens no door.
func TestMapping(t *testing.T) {
	own := &tables{
		people: []person{
			{club: club, number: "owes", debt: "invoice 9"},
			{club: club, number: "has time to pay", debt: "invoice 9", payBy: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)},
			{club: club, number: "banned", banned: true},
			{club: club, number: "paid"},
		},
		calendar: []event{{
			club: club, number: "e1", room: "hall", person: "paid",
			from: time.Unix(0, 0), to: time.Unix(3600, 0), state: "waiting list",
		}},
	}
	for number, want := range map[string]access.StandingState{
		"owes": access.StandingBlocked, "has time to pay": access.StandingGrace, "banned": access.StandingBlocked, "paid": "",
	} {
		m, err := members{own}.Member(t.Context(), club, number)
		if err != nil || m.Standing.State != want {
			t.Errorf("person %q: standing %q (%v), want %q", number, m.Standing.State, err, want)
		}
	}
	for r, err := range (bookings{own}).Reservations(t.Context(), storage.ReservationQuery{Site: club}) {
		if err != nil || r.Status.OrDefault() == reservation.Confirmed {
			t.Errorf("an event on the waiting list: status %q (%v), want one that opens nothing", r.Status.OrDefault(), err)
		}
	}
}
