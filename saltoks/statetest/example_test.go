package statetest_test

import (
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
