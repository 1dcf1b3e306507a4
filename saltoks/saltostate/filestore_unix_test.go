//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package saltostate

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFileStoreWaitsForNoPipe: an open of a named pipe waits for its other end.
func TestFileStoreWaitsForNoPipe(t *testing.T) {
	for suffix, ok := range map[string]bool{".doc": false, ".lock": false, ".tmp": true} {
		s, err := NewFileStore(filepath.Join(t.TempDir(), "state"))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(s.path("k")+suffix, 0o600); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 2)
		go func() {
			ended <- s.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return []byte("document"), nil })
			_, err := s.Get(t.Context(), "k")
			ended <- err
		}()
		for _, call := range []string{"Update", "Get"} {
			select {
			case err := <-ended:
				fails := !ok && (call == "Update" || suffix == ".doc")
				if (err != nil) != fails || err != nil && !strings.Contains(err.Error(), "not a regular file") {
					t.Errorf("%s, %s: %v", suffix, call, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: %s hangs", suffix, call)
			}
		}
	}
}
