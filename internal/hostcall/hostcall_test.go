package hostcall

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

type panickyHandler struct{}

func (panickyHandler) Enabled(context.Context, slog.Level) bool  { panic("planted") }
func (panickyHandler) Handle(context.Context, slog.Record) error { panic("planted") }
func (h panickyHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h panickyHandler) WithGroup(string) slog.Handler           { return h }

// enabledHandler panics only while it writes.
type enabledHandler struct{ panickyHandler }

func (enabledHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h enabledHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h enabledHandler) WithGroup(string) slog.Handler          { return h }

// TestLogger: a handler's panics end with the line, also below With.
func TestLogger(t *testing.T) {
	Logger(nil).Info("goes nowhere")
	for _, h := range []slog.Handler{panickyHandler{}, enabledHandler{}} {
		Logger(slog.New(h)).With("a", 1).WithGroup("g").Info("nothing happens")
	}
}

// TestContain: a panic is an error that names what panicked and not its value;
// an error passes through.
func TestContain(t *testing.T) {
	err := Contain("the Store", func() error { panic("planted") })
	p, ok := errors.AsType[*PanicError](err)
	if !ok || p.In != "the Store" || p.What != "string" || len(p.Stack) == 0 {
		t.Errorf("%v", err)
	}
	var none map[string]int
	err = Contain("Facts", func() error { none["x"] = 1; return nil })
	if p, ok := errors.AsType[*PanicError](err); !ok || p.What != "assignment to entry in nil map" {
		t.Errorf("%v", err)
	}
	if err := Contain("Facts", func() error { return context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestClockIsSet: the zero time of a clock that was never set is no time.
func TestClockIsSet(t *testing.T) {
	if ClockIsSet(time.Time{}) || ClockIsSet(time.Date(1989, 12, 31, 23, 59, 59, 0, time.UTC)) || !ClockIsSet(time.Now()) {
		t.Error("ClockIsSet confuses a set clock with one that was never set")
	}
}
