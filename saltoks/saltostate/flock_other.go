//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package saltostate

import (
	"errors"
	"os"
)

const canFlock = false

const onlyRegular = 0

func flock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
