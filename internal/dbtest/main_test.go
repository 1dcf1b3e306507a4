//go:build unix

package dbtest

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	StopServer()
	os.Exit(code)
}
