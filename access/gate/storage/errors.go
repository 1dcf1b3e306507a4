package storage

import (
	"errors"
	"strings"
)

// The errors of a storage, which wraps one of them with what happened. The gate
// treats any other error like ErrUnavailable.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("storage: not found")
	// ErrConflict: the row changed since it was read, or exists already. Nothing
	// was written. Read it again, then decide.
	ErrConflict = errors.New("storage: conflict with what is stored: read it again")
	// ErrUnavailable: the storage did not answer, or the answer of a commit was
	// lost, so the write may have happened. Try again later.
	ErrUnavailable = errors.New("storage: unavailable")
)

// Fault is one thing that is wrong with a request or a configuration.
type Fault struct {
	Field string // as in the Go struct: "RequestID"
	What  string // what is wrong and what is required
}

// String returns the field and what is wrong with it.
func (f Fault) String() string { return f.Field + ": " + f.What }

// RequestError names every fault of a request. Nothing was read, written or sent.
type RequestError struct{ Faults []Fault }

// Error lists the faults.
func (e *RequestError) Error() string {
	list := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		list[i] = f.String()
	}
	return "gate: bad request: " + strings.Join(list, "; ")
}
