package gate_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// A limit of visits, counted by the check-ins of the storage. Check-ins are written
// with the outcome of a command, so two simultaneous taps may both see the last
// visit free and both open. Where that matters, let the check take the visit
// itself: see the SQLite variant in internal/dbtest.
func ExampleCondition() {
	ctx := context.Background()
	_, store := newSite()
	zone, err := time.LoadLocation("Europe/Berlin") // as in the site's rules
	if err != nil {
		log.Fatal(err)
	}
	now := noon.In(zone)
	visits := gate.Condition{
		Code:    "visits_used_up",
		Message: "You have used your visits of this month. Please ask the staff.",
		Check: func(ctx context.Context, site string, tap gate.Tap, _ access.Decision) error {
			month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone)
			came, err := store.CheckIns(ctx, gate.CheckInQuery{Site: site, Member: tap.Member, From: month})
			if err != nil {
				return err // a check that cannot count denies
			}
			if today := now.Format(time.DateOnly); len(came) >= 2 && came[len(came)-1].Day != today {
				return fmt.Errorf("%d visits since %s", len(came), month.Format(time.DateOnly))
			}
			return nil
		},
	}
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: store, Records: store, Locks: obedient{}, Conditions: []gate.Condition{visits},
		Now: func() time.Time { return now },
	})
	if err != nil {
		log.Fatal(err)
	}
	for visit := range 3 {
		r, _ := g.Unlock(ctx, gate.Tap{RequestID: fmt.Sprintf("a-tap-of-visit-%d", visit), Member: "ada", Door: "front", TappedAt: now})
		fmt.Println(now.Format(time.DateOnly), r.Outcome, r.Message())
		now = now.AddDate(0, 0, 1)
	}
	// Output:
	// 2026-05-04 accepted The door is open.
	// 2026-05-05 accepted The door is open.
	// 2026-05-06 denied You have used your visits of this month. Please ask the staff.
}
