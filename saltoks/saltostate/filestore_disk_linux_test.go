package saltostate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

// TestFileStoreOnBadDisk: on a disk that takes no writes a document that cannot be replaced
// stays as it was, no temporary file remains, and the next change succeeds.
func TestFileStoreOnBadDisk(t *testing.T) {
	type note struct{ Text string }
	kind := Kind[note]{Name: "note", Version: 1}
	for name, c := range map[string]struct {
		options    string
		begin, end func(t *testing.T, dir string)
		want       error
	}{
		"full": {
			options: "size=256k",
			begin:   func(t *testing.T, dir string) { fillDisk(t, filepath.Join(dir, "ballast")) },
			end:     func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "ballast")) },
			want:    syscall.ENOSPC,
		},
		"without room for a file": {
			options: "nr_inodes=16",
			begin: func(t *testing.T, dir string) {
				var err error
				for n := 0; err == nil; n++ {
					err = os.WriteFile(filepath.Join(dir, "ballast"+strings.Repeat("x", n)), nil, 0o600)
				}
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				}
			},
			end:  func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "ballast")) },
			want: syscall.ENOSPC,
		},
		"read-only": {
			begin: func(t *testing.T, dir string) { mount(t, dir, syscall.MS_REMOUNT|syscall.MS_RDONLY, "") },
			end:   func(t *testing.T, dir string) { mount(t, dir, syscall.MS_REMOUNT, "") },
			want:  syscall.EROFS,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mount(t, dir, 0, c.options)
			t.Cleanup(func() {
				if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			folder := filepath.Join(dir, "state")
			open := func() *State {
				t.Helper()
				store, err := NewFileStore(folder)
				if err != nil {
					t.Fatal(err)
				}
				sealer, err := NewSealer(SealingKey{ID: "k1", Key: saltoks.NewSecret(strings.Repeat("k", 32))})
				if err != nil {
					t.Fatal(err)
				}
				s, err := New(Config{Store: store, Sealer: sealer})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			write := func(id, text string) error {
				return Update(t.Context(), open(), kind, id, func(*note) (*note, error) { return &note{text}, nil })
			}
			want := func(text string) {
				t.Helper()
				if n, err := Load(t.Context(), open(), kind, "a"); err != nil || n == nil || n.Text != text {
					t.Errorf("got %v, %v, want %.10q", n, err, text)
				}
				if left, err := filepath.Glob(filepath.Join(folder, "*.tmp")); err != nil || len(left) > 0 {
					t.Errorf("temporary files are left: %v, %v", left, err)
				}
			}
			if err := write("a", "old"); err != nil {
				t.Fatal(err)
			}
			c.begin(t, dir)
			for _, id := range []string{"a", "another"} {
				if err := write(id, strings.Repeat("new", 1000)); !errors.Is(err, c.want) || !strings.Contains(err.Error(), folder) {
					t.Errorf("%s: got %v, want %v with the path", id, err, c.want)
				}
			}
			want("old")
			c.end(t, dir)
			if err := write("a", "new"); err != nil {
				t.Error(err)
			}
			want("new")
		})
	}
}

// mount mounts a small file system, or skips the test where it may not.
func mount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("this process may not mount: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fillDisk writes a file until the disk is full.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// remove removes the files whose names begin with path.
func remove(t *testing.T, path string) {
	t.Helper()
	list, err := filepath.Glob(path + "*")
	for _, name := range list {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		t.Fatal(err)
	}
}
