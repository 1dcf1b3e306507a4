//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package saltostate

import (
	"errors"
	"os"
)

const canFlock = false

func flock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
