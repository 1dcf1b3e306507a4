//go:build unix

package dbtest

import (
	"flag"
	"os"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	runChild()
	flag.Parse()
	if testing.Short() {
		useMemory()
	}
	// Tests that are parallel wait for most of their time.
	_ = flag.Set("test.parallel", "8")
	code := m.Run()
	StopServer()
	os.Exit(code)
}

// useMemory puts temporary files on a RAM disk that has room for them, where
// syncing costs nothing. The tests kill processes and not the machine, so they
// find the same faults there. A folder that TMPDIR names is kept.
func useMemory() {
	if os.Getenv("TMPDIR") != "" {
		return
	}
	const dir, room = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > room {
		_ = os.Setenv("TMPDIR", dir)
	}
}

// scaled returns how often a test repeats something: fewer times with -short.
func scaled(full, short int) int { return repeats(full, full, short) }

// repeats returns how often a test repeats something random: the full number of times with
// DOORKIT_FULL=1, as in .ci/run full, and fewer with -short.
func repeats(full, usual, short int) int {
	switch {
	case testing.Short():
		return short
	case os.Getenv("DOORKIT_FULL") == "1":
		return full
	}
	return usual
}
