package saltoks

import (
	"log/slog"
	"testing"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// TestCalmLogger: what is made of a logger stays calm.
func TestCalmLogger(t *testing.T) {
	if hostcall.Logger(nil) != nil {
		t.Error("a logger came of none")
	}
	hostcall.Logger(slog.New(panickyHandler{})).With("a", 1).WithGroup("g").Info("nothing happens")
}
