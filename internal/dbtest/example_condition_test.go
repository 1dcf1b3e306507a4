//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// visits is an exact limit of visits per member, in the database of the gate.
type visits struct {
	db    *sql.DB
	limit int
}

// take takes a visit for this tap, or keeps the one that the tap has taken before.
// It counts and writes in one statement, so that of two simultaneous taps only one
// gets the last visit. On PostgreSQL, lock the member's row first.
func (v visits) take(ctx context.Context, _ string, tap gate.Tap, _ access.Decision) error {
	result, err := v.db.ExecContext(ctx, `INSERT INTO visits (member, request_id) SELECT $1, $2
		WHERE (SELECT COUNT(*) FROM visits WHERE member = $1 AND request_id <> $2) < $3
		ON CONFLICT (member, request_id) DO UPDATE SET member = excluded.member`, tap.Member, tap.RequestID, v.limit)
	if err != nil {
		return err
	}
	if taken, err := result.RowsAffected(); err != nil || taken == 0 {
		return errors.Join(errors.New("no visit left"), err)
	}
	return nil
}

// Observe gives a visit back when its tap did not open the door.
func (v visits) Observe(ctx context.Context, e gate.Event) {
	if e.Kind != gate.RequestCompleted || e.Receipt.Outcome == gate.Accepted || e.Receipt.Outcome == gate.Unconfirmed {
		return
	}
	_, err := v.db.ExecContext(ctx, "DELETE FROM visits WHERE member = $1 AND request_id = $2", e.Receipt.Member, e.Receipt.RequestID)
	if err != nil {
		fmt.Println("a visit was not given back:", err)
	}
}

// A limit that two simultaneous taps cannot exceed. A process that ends between the
// check and the outcome leaves a visit taken: compare the table with the receipts
// once a day.
func Example_condition() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "doorkit")
	check(err)
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(filepath.Join(dir, "doors.db")))
	check(err)
	defer db.Close()
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true})
	check(err)
	defer store.Close()
	_, err = db.ExecContext(ctx, "CREATE TABLE visits (member TEXT, request_id TEXT, PRIMARY KEY (member, request_id))")
	check(err)
	check(store.PutRules(ctx, storage.Rules{Site: access.Site{ID: "loft", TimeZone: "Europe/Berlin"}}))
	check(store.PutMember(ctx, "loft", storage.Member{Member: access.Member{ID: "ada"}}))
	for _, door := range []string{"front", "studio"} {
		check(store.PutDoor(ctx, "loft", storage.Door{
			Door: access.Door{ID: door, AccessType: access.AccessOnly},
			Link: storage.Link{Site: "salto-site", Lock: "lock-" + door},
		}))
		check(store.PutGrant(ctx, "loft", storage.Grant{Grant: access.Grant{
			ID: door, Member: "ada", Door: door, Hours: access.Always(), RequiresMembership: new(false),
		}}))
	}

	limit := visits{db, 1}
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: store, Records: store, Locks: instantly, Observer: limit,
		Conditions: []gate.Condition{{Code: "visits_used_up", Message: "You have used all your visits.", Check: limit.take}},
	})
	check(err)
	var taps sync.WaitGroup
	receipts := make([]gate.Receipt, 2)
	for i, door := range []string{"front", "studio"} {
		taps.Go(func() {
			tap := gate.Tap{RequestID: fmt.Sprintf("one-tap-at-the-%s", door), Member: "ada", Door: door, TappedAt: time.Now()}
			r, err := g.Unlock(ctx, tap)
			check(err)
			receipts[i] = r
		})
	}
	taps.Wait()
	for _, outcome := range []gate.Outcome{gate.Accepted, gate.Denied} {
		for _, r := range receipts {
			if r.Outcome == outcome {
				fmt.Println(r.Outcome, r.Message())
			}
		}
	}
	// Output:
	// accepted The door is open.
	// denied You have used all your visits.
}
