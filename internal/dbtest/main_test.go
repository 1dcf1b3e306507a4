//go:build unix

package dbtest

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	runChild()
	code := m.Run()
	StopServer()
	os.Exit(code)
}
