package statetest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

func TestMemoryStore(t *testing.T) {
	statetest.Run(t, func(*testing.T) saltostate.Store { return saltostate.NewMemoryStore() })
}

func TestFileStore(t *testing.T) {
	statetest.Run(t, func(t *testing.T) saltostate.Store {
		s, err := saltostate.NewFileStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestFileStoreProcesses(t *testing.T) {
	statetest.RunProcesses(t, func(t *testing.T) string { return t.TempDir() },
		func(dir string) (saltostate.Store, error) { return saltostate.NewFileStore(dir) }, 0)
}

func TestFileStoreWritesOnlyChanges(t *testing.T) {
	dir := t.TempDir()
	s, err := saltostate.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	var last os.FileInfo
	writes := 0
	statetest.RunUnchanged(t, s, func() (string, error) {
		files, err := filepath.Glob(filepath.Join(dir, "*.doc"))
		if err != nil || len(files) != 1 {
			return "", fmt.Errorf("documents %v, %w", files, err)
		}
		info, err := os.Stat(files[0])
		if err == nil && !os.SameFile(info, last) { // each write makes a new file
			last = info
			writes++
		}
		return strconv.Itoa(writes), err
	})
}

func TestConflict(t *testing.T) {
	var stolen []byte
	s := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
	s.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		stolen = nil
		err := s.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
			if stolen != nil {
				next = stolen
			}
			return next, nil
		})
		if stolen != nil {
			return errLost{}
		}
		return err
	}
	statetest.RunConflict(t, s, func(_ string, doc []byte) error { stolen = doc; return nil })
}

type errLost struct{}

func (errLost) Error() string  { return "the lease was lost" }
func (errLost) Conflict() bool { return true }
