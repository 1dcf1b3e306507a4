package storage

import (
	"errors"
	"strings"
)

// What a storage says when it cannot do what was asked; wrap one of them with
// what happened. Everything else a storage returns counts as ErrUnavailable.
var (
	// ErrNotFound: there is no such row. Ask again after it was written.
	ErrNotFound = errors.New("storage: not found")
	// ErrConflict: somebody else changed it first, or it exists already. Read
	// again, then decide. Nothing was written.
	ErrConflict = errors.New("storage: conflict with what is stored: read it again")
	// ErrUnavailable: the storage could not be asked, or the answer of a commit
	// was lost, so that the write may have happened. Try later.
	ErrUnavailable = errors.New("storage: unavailable")
)

// Fault is one thing that is wrong with a request or a configuration.
type Fault struct {
	Field string // as in the Go struct: "RequestID"
	What  string // what is wrong and what is required
}

// String returns the field and what is wrong with it.
func (f Fault) String() string { return f.Field + ": " + f.What }

// RequestError names every fault of a request at once. Nothing was read,
// written or sent.
type RequestError struct{ Faults []Fault }

func (e *RequestError) Error() string {
	list := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		list[i] = f.String()
	}
	return "gate: bad request: " + strings.Join(list, "; ")
}
