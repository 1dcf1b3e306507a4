package house

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestNothingBuilt: "go build" beside an example leaves a program of many
// megabytes, which a commit of everything would keep for ever.
func TestNothingBuilt(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return err
		}
		if text, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(text, []byte("#!")) {
			t.Errorf("%s is a program, not a script: remove it (%v)", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
