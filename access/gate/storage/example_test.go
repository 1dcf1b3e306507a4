package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// The commitment binds the detail to the row, and the hash binds the row to the previous
// one.
func ExampleHead_Append() {
	salt, detail := []byte("sixteen bytes..."), []byte(`{"member":"ada"}`)
	var head storage.Head // before the first row
	row := head.Append("loft", storage.LogEntry{At: noon, Door: "front", Action: "unlock", Outcome: storage.Accepted,
		Commitment: storage.Commitment(salt, detail)})
	next := row.Head().Append("loft", storage.LogEntry{At: noon, Action: "switch_off"})
	fmt.Println(row.Seq, next.Seq, row.Hash != next.Hash, storage.Commitment(salt, []byte(`{"member":"bob"}`)) == row.Commitment)
	// Output: 1 2 true false
}

// A storage implements Members with a query for one page.
func ExamplePages() {
	table := []string{"ada", "bob", "cyd", "dot", "eve"}
	page := func(last *string, size int) ([]string, error) { // SELECT ... WHERE id > last ORDER BY id LIMIT size
		after := 0
		if last != nil {
			after = slices.Index(table, *last) + 1
		}
		return table[after:min(after+size, len(table))], nil
	}
	for id, err := range storage.Pages(3, 2, page) {
		fmt.Println(id, err)
	}
	// Output:
	// ada <nil>
	// bob <nil>
	// cyd <nil>
}

// A storage of a host's own whose bookings are a list.
func ExampleInstants() {
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	called := reservation.Reservation{Start: start, End: start.Add(time.Hour), EndedAt: start.Add(-10 * time.Minute)}
	first, last := storage.Instants(called)
	fmt.Println(first.Format(time.Kitchen), last.Format(time.Kitchen))
	// Output: 8:50AM 9:00AM
}

func ExampleReservationQuery_Selects() {
	q := storage.ReservationQuery{Site: "loft", Resources: []string{"meeting"}, EndAfter: noon, StartBefore: noon.AddDate(0, 0, 7)}
	for _, r := range []reservation.Reservation{
		{ID: "r1", Resource: "meeting", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)},
		{ID: "r2", Resource: "phone", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)},
		{ID: "r3", Resource: "meeting", Start: noon.AddDate(0, 0, -1), End: noon},
	} {
		fmt.Println(r.ID, q.Selects(r))
	}
	// Output:
	// r1 true
	// r2 false
	// r3 false
}

// A storage of your own reads the rows, and RawFacts combines them into questions.
func ExampleRawFacts() {
	ask := storage.FactsQuery{Site: "loft", Member: "ada", Door: "front", At: noon}
	from, until := ask.Span()
	fmt.Println("reservations from", from.Format(time.DateOnly), "until", until.Format(time.DateOnly))
	parts := storage.RawFacts{
		Rules: storage.Rules{
			Site:      access.Site{ID: "loft", TimeZone: "Europe/Berlin"},
			Resources: []access.Resource{{ID: "room", Doors: []string{"front"}}, {ID: "attic", Doors: []string{"loft-door"}}},
		},
		Doors:  []storage.Door{{Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1")}},
		Member: &access.Member{ID: "ada"},
	}
	fmt.Println("on", parts.Resources())
	parts.Reservations = []reservation.Reservation{{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}}
	snap := parts.Snapshot()
	d, err := access.Evaluate(snap.Question, access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Reason, snap.Link.Lock, err)
	// Output:
	// reservations from 2026-05-02 until 2027-05-10
	// on [room]
	// true reservation l1 <nil>
}

func ExampleJoinFacts() {
	// Doors and rules are in doorkit's storage; members and reservations stay in
	// the host's own tables, here a second memory store.
	ctx := context.Background()
	ours, hosts := memstore.New(), memstore.New()
	_ = ours.PutDoor(ctx, site, storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1")})
	_ = ours.PutRules(ctx, storage.Rules{Site: access.Site{ID: site, TimeZone: "Europe/Berlin"}})
	_ = hosts.PutMember(ctx, site, storage.Member{Member: access.Member{ID: "cem"}})
	facts := storage.JoinFacts(storage.Readers{Doors: ours, Rules: ours, Members: hosts, Reservations: hosts})
	snap, err := facts.Load(ctx, storage.FactsQuery{Site: site, Member: "cem", Door: "front", At: noon})
	fmt.Println(snap.Question.Member.ID, snap.Question.Door.ID, snap.Link.Lock, err)
	// Output: cem front l1 <nil>
}

func ExampleNormalize() {
	// A storage of a host's own calls it first in PutMember, and stores what it
	// returns:
	until := time.Date(2026, 5, 8, 0, 0, 0, 1234567, time.UTC)
	m, err := storage.Normalize("loft", storage.Member{Member: access.Member{ID: "ada",
		Standing: access.Standing{State: access.StandingGrace, Until: until}}})
	fmt.Println(m.Standing.Until, err)
	_, err = storage.Normalize("loft", storage.Member{Member: access.Member{ID: "ada\x00",
		Standing: access.Standing{State: access.StandingGrace}}})
	if bad, ok := errors.AsType[*storage.RequestError](err); ok {
		for _, f := range bad.Faults {
			fmt.Println(f.Field)
		}
	}
	// Output:
	// 2026-05-08 00:00:00.001234 +0000 UTC <nil>
	// id
	// standing.until
}

// One process saves a plan while another blocks the member: neither change is lost.
func ExampleUpdateMember() {
	ctx, store := context.Background(), memstore.New()
	_ = store.PutMember(ctx, site, storage.Member{Member: access.Member{ID: "ada"}})
	stale, _ := store.Member(ctx, site, "ada")
	err := storage.UpdateMember(ctx, store, site, "ada", func(m *storage.Member) error {
		m.Standing = access.Standing{State: access.StandingBlocked}
		return nil
	})
	fmt.Println(err)
	stale.Memberships = []access.Membership{{ID: "m1", Type: "resident"}}
	fmt.Println(errors.Is(store.PutMember(ctx, site, stale), storage.ErrConflict))
	// Output:
	// <nil>
	// true
}

func ExampleCheckRecord() {
	// A storage of a host's own calls it first in Note, and likewise in Begin,
	// Settle, EndHolds and SetKillSwitch:
	fmt.Println(storage.CheckRecord("loft", &storage.LogEntry{Door: "front", Action: "unlock"}))
	fmt.Println(storage.CheckRecord("", &storage.LogEntry{Reason: "\x00"}))
	// Output:
	// <nil>
	// bad request: site: must be 1 to 200 bytes of valid UTF-8 without NUL; Log.Reason: must be valid UTF-8 without NUL
}

func ExampleCheckEntries() {
	// A storage of a host's own calls it first in Ingest:
	fmt.Println(storage.CheckEntries("loft", "page 2", []storage.VendorEntry{{ID: "e1", Lock: "l1"}}))
	fmt.Println(storage.CheckEntries("loft", "page 2", []storage.VendorEntry{{Lock: "l1"}}))
	// Output:
	// <nil>
	// bad request: entries[0].ID: must be 1 to 200 bytes of valid UTF-8 without NUL
}
