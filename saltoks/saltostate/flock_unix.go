//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package saltostate

import (
	"errors"
	"os"
	"syscall"
)

const canFlock = true

// onlyRegular makes open fail on a symbolic link and not wait for a named pipe.
const onlyRegular = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// flock tries to take the exclusive lock of f. It returns false and no error if
// another process or another open file has it.
func flock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, err
		}
	}
}
