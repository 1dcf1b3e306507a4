package saltostate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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
	// What a killed process left is overwritten.
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

// TestDeletedLockFile: the lock file is deleted while a call waits for it.
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

// TestFileStoreOfABrokenFolder: a disk that fails is an error that leaves
// nothing locked.
func TestFileStoreOfABrokenFolder(t *testing.T) {
	dir := t.TempDir()
	s, err := NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	called := false
	put := func(ctx context.Context) error {
		return s.Update(ctx, "k", func(context.Context, []byte) ([]byte, error) { called = true; return []byte("doc"), nil })
	}
	broken := func(how string) {
		t.Helper()
		if doc, err := s.Get(t.Context(), "k"); err == nil || doc != nil {
			t.Errorf("%s: read %q, %v", how, doc, err)
		}
		if err := put(t.Context()); err == nil || called {
			t.Errorf("%s: written, %v", how, err)
		}
	}
	if err := os.Mkdir(s.path("k")+".doc", 0o700); err != nil {
		t.Fatal(err)
	}
	broken("a folder in place of the document")
	if err := os.Remove(s.path("k") + ".doc"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("k")+".tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context()); err == nil {
		t.Error("written through a folder")
	}
	called = false
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context()); err == nil || called {
		t.Errorf("no folder: written, %v", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(gone, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := put(t.Context()); err != nil {
		t.Errorf("repaired: %v", err)
	}

	// Another process holds the file; the caller leaves.
	other, err := NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = other.Update(t.Context(), "k", func(_ context.Context, doc []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := put(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("held by another process: %v", err)
		}
		return doc, nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := put(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestFileStoreRefusesSharedFolders: who may write to the folder may put back an
// older document, or a link.
func TestFileStoreRefusesSharedFolders(t *testing.T) {
	for _, c := range []struct {
		mode os.FileMode
		ok   bool
	}{
		{0o700, true}, {0o755, true}, {0o750, true},
		{0o777, false}, {0o702, false}, {0o720, false}, {0o775, false}, {os.ModeSticky | 0o777, false},
	} {
		dir := filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := NewFileStore(dir)
		if (err == nil) != c.ok || err != nil && (!strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "0700")) {
			t.Errorf("mode %v: %v", c.mode, err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		if _, err := NewFileStore(link); (err == nil) != c.ok {
			t.Errorf("by a link, mode %v: %v", c.mode, err)
		}
	}
}

// TestFileStoreFollowsNoLink: a link at one of the three names of a key is an
// error or is replaced; what it points to stays as it is.
func TestFileStoreFollowsNoLink(t *testing.T) {
	for suffix, ok := range map[string]bool{".tmp": true, ".doc": false, ".lock": false} {
		dir := filepath.Join(t.TempDir(), "state")
		s, err := NewFileStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		victim := filepath.Join(t.TempDir(), "victim")
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, s.path("k")+suffix); err != nil {
			t.Fatal(err)
		}
		err = s.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return []byte("document"), nil })
		if (err == nil) != ok {
			t.Errorf("%s: %v", suffix, err)
		}
		if got, err := os.ReadFile(victim); string(got) != "precious" || err != nil {
			t.Errorf("%s: the target of the link holds %q, %v", suffix, got, err)
		}
		got, err := s.Get(t.Context(), "k")
		if want := map[bool]string{true: "document"}[ok]; string(got) != want || err != nil && suffix != ".doc" {
			t.Errorf("%s: Get = %q, %v", suffix, got, err)
		}
	}
}
