//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A host with one file: open it, migrate, and put a gate on it.
func Example() {
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

	check(store.PutRules(ctx, storage.Rules{
		Site:            access.Site{ID: "loft", TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}},
	}))
	check(store.PutDoor(ctx, "loft", storage.Door{
		Door: access.Door{ID: "front", AccessType: access.AccessOnly},
		Link: storage.Link{Site: "salto-site", Lock: "lock-1"},
	}))
	check(store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: "ada",
		Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}))

	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: instantly})
	check(err)
	r, err := g.Unlock(ctx, gate.Tap{RequestID: "0123456789abcdef", Member: "ada", Door: "front", TappedAt: time.Now()})
	check(err)
	fmt.Println(r.Outcome, r.Recorded, r.Message())
	// Output: accepted true The door is open.
}

// subscribe gives a person a plan, in the host's own table and as a membership.
func subscribe(ctx context.Context, db *sql.DB, store *sqlstore.Store, person, plan string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after Commit
	if _, err := tx.ExecContext(ctx, "INSERT INTO subscriptions (person, plan) VALUES ($1, $2)", person, plan); err != nil {
		return err
	}
	member := access.Member{ID: person, Memberships: []access.Membership{{ID: "m1", Type: plan}}}
	if err := store.In(tx).PutMember(ctx, "loft", gate.Member{Member: member}); err != nil {
		return err
	}
	return tx.Commit()
}

// The host's own rows and the facts change together.
func Example_hostTransaction() {
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
	_, err = db.ExecContext(ctx, "CREATE TABLE subscriptions (person TEXT, plan TEXT)")
	check(err)

	check(subscribe(ctx, db, store, "ada", "resident"))
	m, err := store.Member(ctx, "loft", "ada")
	check(err)
	fmt.Println(m.ID, m.Memberships[0].Type)
	// Output: ada resident
}
