package gate

import (
	"errors"
	"strings"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// ErrRequestReused says that a RequestID came again with another door, action
// or source. Nothing was sent. Make a new RequestID per tap.
var ErrRequestReused = errors.New("gate: this RequestID belongs to another request; make a new one per tap")

// ConfigError names every fault of a Config at once.
type ConfigError struct{ Faults []Fault }

func (e *ConfigError) Error() string {
	list := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		list[i] = f.String()
	}
	return "gate: bad configuration: " + strings.Join(list, "; ")
}

// PanicError is a panic in something the host supplied, contained by the gate. In
// names the callback ("Facts", "Locks", "Presence", ...) or the method that called
// it. What is the Go runtime's own text, or else the type of the value: the value
// itself may hold a secret, and errors go into the door log.
type PanicError = hostcall.PanicError
