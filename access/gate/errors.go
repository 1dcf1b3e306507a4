package gate

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// What a storage says when it cannot do what was asked; wrap one of them with
// what happened. Everything else a storage returns counts as ErrUnavailable.
var (
	// ErrNotFound: there is no such row. Ask again after it was written.
	ErrNotFound = errors.New("gate: not found")
	// ErrConflict: somebody else changed it first, or it exists already. Read
	// again, then decide. Nothing was written.
	ErrConflict = errors.New("gate: conflict with what is stored: read it again")
	// ErrUnavailable: the storage could not be asked, or the answer of a commit
	// was lost, so that the write may have happened. Try later.
	ErrUnavailable = errors.New("gate: storage unavailable")
)

// ErrRequestReused says that a RequestID came again with another door, action
// or source. Nothing was sent. Make a new RequestID per tap.
var ErrRequestReused = errors.New("gate: this RequestID belongs to another request; make a new one per tap")

// Fault is one thing that is wrong with a request or a configuration.
type Fault struct {
	Field string // as in the Go struct: "RequestID"
	What  string // what is wrong and what is wanted
}

// RequestError names every fault of a request at once. Nothing was read,
// written or sent.
type RequestError struct{ Faults []Fault }

func (e *RequestError) Error() string { return faults("gate: bad request", e.Faults) }

// ConfigError names every fault of a Config at once.
type ConfigError struct{ Faults []Fault }

func (e *ConfigError) Error() string { return faults("gate: bad configuration", e.Faults) }

func faults(head string, list []Fault) string {
	var b strings.Builder
	b.WriteString(head)
	for i, f := range list {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, f.Field, f.What)
	}
	return b.String()
}

// PanicError is a panic in something the host supplied, caught by the gate.
type PanicError struct {
	In string // which callback: "Facts", "Locks", "Presence", ..., or the method that called it
	// What is the Go runtime's own text, or else the type of the value: the value
	// itself may hold a secret, and errors go into the door log.
	What string
	// Stack is where it happened.
	Stack []byte
}

func newPanic(in string, v any) *PanicError {
	what := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	return &PanicError{In: in, What: what, Stack: debug.Stack()}
}

// Error names what panicked.
func (e *PanicError) Error() string {
	return fmt.Sprintf("gate: panic in %s (%s): mend it, its Stack says where", e.In, e.What)
}
