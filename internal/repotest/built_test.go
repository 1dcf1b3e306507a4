package repotest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestNoBuiltPrograms reports executable files that are not scripts, such as the
// program that "go build" leaves beside an example.
func TestNoBuiltPrograms(t *testing.T) {
	walk(t, func(path string, info os.FileInfo) error {
		if info.Mode()&0o111 == 0 {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err == nil && !bytes.HasPrefix(text, []byte("#!")) {
			t.Errorf("%s is a program, not a script: remove it", path)
		}
		return err
	})
}
