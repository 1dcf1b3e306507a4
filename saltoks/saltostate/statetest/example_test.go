package statetest_test

import (
	"database/sql"
	"strconv"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// A store of one's own goes through the suite in a test of its package.
func ExampleRun() {
	_ = func(t *testing.T) {
		statetest.Run(t, func(t *testing.T) saltostate.Store { return saltostate.NewMemoryStore() })
	}
	// Output:
}

// A store reports what a write leaves behind: here, the number of writes.
func ExampleRunUnchanged() {
	_ = func(t *testing.T, s saltostate.Store, writes func() int) {
		statetest.RunUnchanged(t, s, func() (string, error) { return strconv.Itoa(writes()), nil })
	}
	// Output:
}

// A lease is taken away as by another process whose clock is past its end.
func ExampleRunConflict() {
	_ = func(t *testing.T, s saltostate.Store, db *sql.DB) {
		statetest.RunConflict(t, s, func(key string, doc []byte) error {
			_, err := db.Exec("UPDATE documents SET holder = '', doc = ? WHERE name = ?", doc, key)
			return err
		})
	}
	// Output:
}

// A store that processes share is named by a text that each of them can open:
// a folder, a data source.
func ExampleRunProcesses() {
	_ = func(t *testing.T) {
		statetest.RunProcesses(t,
			func(t *testing.T) string { return t.TempDir() },
			func(dir string) (saltostate.Store, error) { return saltostate.NewFileStore(dir) }, 0)
	}
	// Output:
}
