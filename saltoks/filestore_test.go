package saltoks

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

func TestFileStoreWritesOnlyChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	s, err := NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	update := func(next []byte) {
		t.Helper()
		if err := s.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return next, nil }); err != nil {
			t.Fatal(err)
		}
	}
	stat := func() os.FileInfo {
		t.Helper()
		info, err := os.Stat(s.path("k") + ".doc")
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	update([]byte("one"))
	first := stat()
	if first.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", first.Mode())
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	update([]byte("one"))
	if !os.SameFile(first, stat()) {
		t.Error("an unchanged document was written")
	}
	update([]byte("two"))
	if os.SameFile(first, stat()) {
		t.Error("a document was written in place, not replaced")
	}
	// What a killed process left is in nobody's way.
	if err := os.WriteFile(s.path("k")+".tmp", []byte(strings.Repeat("half", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	update([]byte("three"))
	if got, err := s.Get(t.Context(), "k"); string(got) != "three" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	update(nil)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0].Name(), ".lock") {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestDeletedLockFile: somebody tidies the folder while a lock is waited for.
// The waiter's file is not the key's any more; it must lock the new one.
func TestDeletedLockFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewFileStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		path := s.path("k") + ".lock"
		held, err := lockFile(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			done <- s.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) {
				f, err := os.OpenFile(path, os.O_RDWR, 0o600)
				if err != nil {
					return nil, err
				}
				defer f.Close()
				if taken, err := flock(f); taken || err != nil {
					t.Errorf("the key's lock file is free while fn runs: %v", err)
				}
				return []byte("x"), nil
			})
		}()
		synctest.Wait() // it has opened the file and waits
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		held.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestFileStoreFaults(t *testing.T) {
	if _, err := NewFileStore(""); err == nil {
		t.Error("no folder was taken")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFileStore(file); err == nil {
		t.Error("a file was taken for a folder")
	}
	s, err := NewFileStore(filepath.Join(t.TempDir(), "gone"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.dir); err != nil {
		t.Fatal(err)
	}
	called := false
	err = s.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { called = true; return []byte("x"), nil })
	if err == nil || called {
		t.Errorf("%v, fn called: %v", err, called)
	}
}
