package statetest_test

import (
	"database/sql"
	"strconv"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/statetest"
)

// A store of one's own goes through the suite in a test of its package.
func ExampleRun() {
	_ = func(t *testing.T) {
		statetest.Run(t, func(t *testing.T) saltoks.Store { return saltoks.NewMemoryStore() })
	}
	// Output:
}

// A store says what a write leaves behind: here, the number of writes.
func ExampleRunUnchanged() {
	_ = func(t *testing.T, s saltoks.Store, writes func() int) {
		statetest.RunUnchanged(t, s, func() (string, error) { return strconv.Itoa(writes()), nil })
	}
	// Output:
}

// A lease is taken away as another process would whose clock says it is over.
func ExampleRunConflict() {
	_ = func(t *testing.T, s saltoks.Store, db *sql.DB) {
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
			func(dir string) (saltoks.Store, error) { return saltoks.NewFileStore(dir) }, 0)
	}
	// Output:
}
