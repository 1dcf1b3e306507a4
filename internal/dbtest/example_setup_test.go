//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
)

// A host that migrates in a step of its own, before its new version starts.
func ExampleMigrate() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "doorkit")
	check(err)
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(filepath.Join(dir, "doors.db")))
	check(err)
	defer db.Close()
	_, err = sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	older, _ := errors.AsType[*sqlstore.VersionError](err)
	check(sqlstore.Migrate(ctx, db, sqlstore.SQLite))
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	check(err)
	fmt.Println(older.Have, store.Close())
	// Output: 0 <nil>
}

// A database in memory forgets what it acknowledged: Open refuses it unless it
// is told that this is a test.
func ExampleConfig_volatile() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true})
	_, refused := errors.AsType[*sqlstore.SettingError](err)
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true, Volatile: true})
	check(err)
	fmt.Println(refused, store.Close())
	// Output: true <nil>
}
