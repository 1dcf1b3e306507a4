package storage

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of a storage. A storage wraps one of them and adds what happened. Any
// other error counts as ErrUnavailable.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("storage: not found")
	// ErrConflict: the row was changed since it was read, or exists already. Nothing
	// was written; read it again, then decide.
	ErrConflict = errors.New("storage: conflict with what is stored: read it again")
	// ErrUnavailable: the storage did not answer, or the answer of a commit was
	// lost, so that the write may have happened. Try again later.
	ErrUnavailable = errors.New("storage: unavailable")
	// ErrBusy: too many writes of the site wait, and this one would not be in time. It
	// was not begun, so nothing was written. An error that wraps it wraps
	// ErrUnavailable as well.
	ErrBusy = errors.New("storage: busy: too many writes of this site are waiting")
)

// NotFound returns the error for a row that does not exist. It wraps ErrNotFound; for a
// site it is an *UnknownSiteError.
func NotFound(kind Kind, id string) error {
	if kind == KindSite {
		return &UnknownSiteError{id}
	}
	return fmt.Errorf("storage: no %s %q: %w", kind, id, ErrNotFound)
}

// Stale returns the error for a write that is based on another version than the stored
// one. It wraps ErrConflict.
func Stale(kind Kind, id string, based uint64) error {
	if based == 0 {
		return fmt.Errorf("storage: the %s %q already exists: %w", kind, id, ErrConflict)
	}
	return fmt.Errorf("storage: the %s %q was changed or deleted since version %d: %w", kind, id, based, ErrConflict)
}

// UnknownSiteError reports that a site has no rules: it was never set up, or its name
// is mistyped. It wraps ErrNotFound.
type UnknownSiteError struct {
	Site string `json:"site"`
}

func (e *UnknownSiteError) Error() string {
	return fmt.Sprintf("storage: no rules for site %q: check the name, or write its rules with PutRules", e.Site)
}

// Unwrap returns ErrNotFound.
func (e *UnknownSiteError) Unwrap() error { return ErrNotFound }

// LockTakenError reports that another door links the lock. It wraps ErrConflict, but
// reading and writing again does not help: unlink the other door first.
type LockTakenError struct {
	Lock string `json:"lock"` // the lock system's id
	Door string `json:"door"` // the door that links it; empty if that is not known
}

func (e *LockTakenError) Error() string {
	return fmt.Sprintf("storage: lock %q is linked to door %q; unlink it there first", e.Lock, e.Door)
}

// Unwrap returns ErrConflict.
func (e *LockTakenError) Unwrap() error { return ErrConflict }

// Fault is one thing that is wrong with a request or a configuration.
type Fault struct {
	Field string `json:"field"` // as in the Go struct ("RequestID"), or the path in a fact's JSON ("memberships[0].until")
	What  string `json:"what"`  // what is wrong and what is required
}

// String returns the field and what is wrong with it.
func (f Fault) String() string { return f.Field + ": " + f.What }

// RequestError names every fault of a request at once. Nothing was read,
// written or sent.
type RequestError struct {
	Faults []Fault `json:"faults"`
}

func (e *RequestError) Error() string {
	list := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		list[i] = f.String()
	}
	return "bad request: " + strings.Join(list, "; ")
}
