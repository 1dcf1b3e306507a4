package gate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/reservation"
)

// The door log's arithmetic, for whoever writes a storage: the commitment binds
// the detail, the hash binds the row to the one before.
func ExampleHead_Append() {
	salt, detail := []byte("sixteen bytes..."), []byte(`{"member":"ada"}`)
	var head gate.Head // before the first row
	row := head.Append("loft", gate.LogEntry{At: noon, Door: "front", Action: "unlock", Outcome: gate.Accepted, Commitment: gate.Commit(salt, detail)})
	next := row.Head().Append("loft", gate.LogEntry{At: noon, Action: "switch_off"})
	fmt.Println(row.Seq, next.Seq, row.Hash != next.Hash, gate.Commit(salt, []byte(`{"member":"bob"}`)) == row.Commitment)
	// Output: 1 2 true false
}

// A storage of a host's own whose bookings are a list.
func ExampleInstants() {
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	called := reservation.Reservation{Start: start, End: start.Add(time.Hour), EndedAt: start.Add(-10 * time.Minute)}
	first, last := gate.Instants(called)
	fmt.Println(first.Format(time.Kitchen), last.Format(time.Kitchen))
	// Output: 8:50AM 9:00AM
}

func ExampleReservationQuery_Selects() {
	q := gate.ReservationQuery{Site: "loft", Resources: []string{"meeting"}, EndAfter: noon, StartBefore: noon.AddDate(0, 0, 7)}
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

// A storage that can read one page has Rows.
func ExampleLogPages() {
	table := []gate.LogRow{{Seq: 1}, {Seq: 2}, {Seq: 3}, {Seq: 4}, {Seq: 5}}
	page := func(q gate.LogQuery) ([]gate.LogRow, error) { // SELECT ... WHERE seq > After ORDER BY seq LIMIT Limit
		rows := table[q.After:]
		return rows[:min(q.Limit, len(rows))], nil
	}
	for row, err := range gate.LogPages(gate.LogQuery{After: 1, Limit: 3}, 2, page) {
		fmt.Println(row.Seq, err)
	}
	// Output:
	// 2 <nil>
	// 3 <nil>
	// 4 <nil>
}

// What counts as a check-in is the host's choice.
func ExampleCheckInPolicy() {
	m := gate.Movement{
		Member: "ada", Door: "front", RequestID: "3f1c9a52-one-tap", At: noon.Add(13 * time.Hour), // one at night
		Location: time.UTC, Reservations: []string{"r1"},
	}
	for _, policy := range []gate.CheckInPolicy{
		gate.OncePerDay(0), gate.OncePerDay(4 * time.Hour), gate.EveryUnlock(0), gate.OncePerReservation(0), gate.NoCheckIns(),
	} {
		key, day := policy(m)
		fmt.Printf("%q %q\n", key, day)
	}
	// Output:
	// "day/2026-05-05" "2026-05-05"
	// "day/2026-05-04" "2026-05-04"
	// "unlock/3f1c9a52-one-tap" "2026-05-05"
	// "reservation/r1" "2026-05-05"
	// "" ""
}

// A document goes out as JSON and comes back strictly.
func ExampleReadDocument() {
	_, ours := newSite()
	doc, err := gate.Export(context.Background(), stores(ours), "loft")
	if err != nil {
		panic(err)
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		panic(err)
	}
	back, err := gate.ReadDocument(text)
	fmt.Println(back.Facts.Site.Name, len(back.Links), err)
	_, err = gate.ReadDocument([]byte(`{"doorkit":2}`))
	fmt.Println(err)
	// Output:
	// The Loft 2 <nil>
	// gate: the document has version 2, this program reads version 1
}

// What staff may change about a door.
func ExampleDoors_SetAccessType() {
	ctx := context.Background()
	_, store := newSite()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "loft", Store: store, Catalogue: catalogue{}})
	if err != nil {
		panic(err)
	}
	door, err := doors.SetAccessType(ctx, "front", access.AccessAndOfficeMode)
	fmt.Println(door.AccessType, err)
	door, err = doors.SetDisabled(ctx, "front", true)
	fmt.Println(door.Disabled, err)
	// Output:
	// access_and_office_mode <nil>
	// true <nil>
}

// A storage of one's own reads what the rules list and lets Parts put the
// questions together.
func ExampleParts() {
	ask := gate.Ask{Site: "loft", Member: "ada", Door: "front", At: noon}
	from, until := ask.Span()
	fmt.Println("reservations from", from.Format(time.DateOnly), "until", until.Format(time.DateOnly))
	parts := gate.Parts{
		Ask: ask,
		Rules: gate.Rules{
			Site:      access.Site{ID: "loft", TimeZone: "Europe/Berlin"},
			Resources: []access.Resource{{ID: "room", Doors: []string{"front"}}, {ID: "attic", Doors: []string{"loft-door"}}},
		},
		Doors:  []gate.Door{{Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1")}},
		Member: &access.Member{ID: "ada"},
	}
	fmt.Println("on", parts.Resources())
	parts.Reservations = []reservation.Reservation{{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}}
	snap := parts.Snapshots()[0]
	d, err := access.Evaluate(snap.Question, access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Reason, snap.Link.Lock, err)
	// Output:
	// reservations from 2026-05-02 until 2027-05-10
	// on [room]
	// true reservation l1 <nil>
}

// A driver of another lock system asks Left right before the first byte.
func ExampleNewCommand() {
	left := 3 * time.Second
	c := gate.NewCommand(link("l1"), access.Unlock, noon.Add(left), func() time.Duration { return left })
	fmt.Println(c.Link.Lock, c.Action, c.Left())
	left = 0
	fmt.Println(c.Left() <= 0, "means: send nothing")
	// Output:
	// l1 unlock 3s
	// true means: send nothing
}

// The list of causes is closed: a host can translate all of them.
func ExampleCauses() {
	for _, c := range gate.Causes()[:2] {
		fmt.Println(c, c.Valid(), c.Message())
	}
	// Output:
	// not_linked true This door is not set up for digital keys.
	// switched_off true Digital keys are switched off here at the moment. Please ask the staff.
}

func ExampleReceipt_Opened() {
	g, _ := newSite()
	r, _ := g.Unlock(context.Background(), tap("3f1c9a52-one-tap", "ada", "front"))
	fmt.Println(r.Opened(), gate.Receipt{}.Opened(), gate.Receipt{Outcome: gate.Unconfirmed}.Opened())
	// Output: true false false
}

// What the host does once a day: count who came, cut what is old, forget old
// receipts.
// What an app gets: the second time it reads the journal.
func ExampleReceipt() {
	g, _ := newSite()
	for range 2 {
		r, _ := g.Unlock(context.Background(), tap("3f1c9a52-one-tap", "ada", "front"))
		text, err := json.Marshal(r)
		fmt.Println(string(text), err)
	}
	// Output:
	// {"request_id":"3f1c9a52-one-tap","member":"ada","door":"front","action":"unlock","outcome":"accepted","decision":{"allowed":true,"reason":"membership","evidence":{"memberships":["m1"],"grants":[],"reservations":[]},"valid_until":null,"next_change":null,"relock_after":"7s"},"at":"2026-05-04T12:00:00Z","relock_at":"2026-05-04T12:00:07Z","check_in":{"member":"ada","key":"day/2026-05-04","door":"front","action":"unlock","request_id":"3f1c9a52-one-tap","at":"2026-05-04T12:00:00Z","day":"2026-05-04"},"recorded":true,"log_row":1} <nil>
	// {"request_id":"3f1c9a52-one-tap","member":"ada","door":"front","action":"unlock","outcome":"accepted","decision":{"allowed":true,"reason":"membership","evidence":{"memberships":[],"grants":[],"reservations":[]},"valid_until":null,"next_change":null,"relock_after":"7s"},"at":"2026-05-04T12:00:00Z","relock_at":"2026-05-04T12:00:07Z","check_in":{"member":"ada","key":"day/2026-05-04","door":"front","action":"unlock","request_id":"3f1c9a52-one-tap","at":"2026-05-04T12:00:00Z","day":"2026-05-04"},"recorded":true,"repeated":true,"log_row":1} <nil>
}

func ExampleGate_Retain() {
	ctx := context.Background()
	g, _ := newSite()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	came, err := g.CheckIns(ctx, gate.CheckInQuery{From: noon.Add(-time.Hour)})
	fmt.Println(came[0].Member, came[0].Day, err)
	base, removed, err := g.Retain(ctx, noon.AddDate(-1, 0, 0))
	fmt.Println(removed, "rows removed, the log starts after row", base.Seq, err)
	forgotten, err := g.Prune(ctx)
	fmt.Println(forgotten, "receipts forgotten", err)
	// Output:
	// ada 2026-05-04 <nil>
	// 0 rows removed, the log starts after row 0 <nil>
	// 0 receipts forgotten <nil>
}

// Fobs and key codes, as the lock system logged them, stand beside the door log.
func ExampleGate_VendorEntries() {
	ctx := context.Background()
	g, _ := newSite()
	log := &told{}
	log.add("l1", access.Unlock, "a fob", noon)
	if _, err := g.Ingest(ctx, log); err != nil {
		panic(err)
	}
	entries, err := g.VendorEntries(ctx, gate.VendorQuery{Lock: "l1"})
	fmt.Println(len(entries), entries[0].At.Format(time.TimeOnly), err)
	// Output: 1 12:00:00 <nil>
}

// The states of all locks, read once for all members.
func ExampleGate_SeeLocks() {
	ctx := context.Background()
	g, err := gate.New(gate.Config{Site: "loft", Facts: memstore.New(), Records: memstore.New(), Locks: obedient{}})
	if err != nil {
		panic(err)
	}
	seen, err := g.SeeLocks(ctx, catalogue{{Link: link("l1"), State: "office_mode", SeenAt: noon}})
	fmt.Println(seen[0].State, err)
	// Output: office_mode <nil>
}
