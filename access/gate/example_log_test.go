package gate_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

func ExampleGate_Log() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	for row, err := range g.Log(ctx, gate.LogQuery{Newest: true, Limit: 10}) {
		if err != nil {
			log.Fatal(err)
		}
		who, _, _ := gate.ReadDetail(row)
		fmt.Println(row.Seq, row.At.Format(time.TimeOnly), row.Door, row.Action, row.Outcome, row.Reason, who.Member)
	}
	// Output:
	// 2 12:00:00 front unlock accepted membership ada
	// 1 12:00:00 front unlock sending membership ada
}

// With a nil Config.CheckIns there is one check-in per member and day.
func ExampleGate_CheckIns() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	_, _ = g.Unlock(ctx, tap("77b0de14-one-tap", "ada", "office-4"))
	list, err := g.CheckIns(ctx, gate.CheckInQuery{Member: "ada"})
	for _, c := range list {
		fmt.Println(c.Day, c.Member, c.Door, c.At.Format(time.TimeOnly))
	}
	fmt.Println(err)
	// Output:
	// 2026-05-04 ada front 12:00:00
	// <nil>
}

func ExampleGate_Verify() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	exported, _ := g.Head(ctx) // keep it where the database's owner cannot write
	_, _ = g.Unlock(ctx, tap("77b0de14-one-tap", "bob", "front"))
	v, err := g.Verify(ctx, gate.Head{}, exported)
	fmt.Println(v.Rows, "rows,", v.Erased, "erased,", err)
	exported.Hash[0]++
	_, err = g.Verify(ctx, gate.Head{}, exported)
	fmt.Println(err)
	// Output:
	// 3 rows, 0 erased, <nil>
	// storage: the door log is wrong at row 2: the row differs from the required head
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

func ExampleGate_Erase() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	erased, _ := g.Erase(ctx, "ada")
	v, err := g.Verify(ctx, gate.Head{}, gate.Head{})
	fmt.Println(erased.Rows, "rows without a name;", v.Rows, "rows hold,", v.Erased, "erased", err)
	// Output: 2 rows without a name; 2 rows hold, 2 erased <nil>
}

// Openings by fob and key code, which the lock system logged, with those by digital key.
func ExampleGate_VendorLog() {
	ctx := context.Background()
	g, _ := newSite()
	log := &vendorLog{}
	log.add("l1", access.Unlock, "a fob", noon)
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	log.add("l1", access.Unlock, "us", noon)
	if _, err := g.Ingest(ctx, log); err != nil {
		panic(err)
	}
	for row, err := range g.VendorLog(ctx, log, gate.VendorRowQuery{Door: "front"}) {
		fmt.Println(row.At.Format(time.TimeOnly), row.DoorName, row.Event, row.Means, row.Member, err)
	}
	// Output:
	// 12:00:00 Front Door opened fob  <nil>
	// 12:00:00 Front Door opened remote ada <nil>
}
