package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Kind is how a database failed, as far as the driver reports it.
type Kind string

const (
	// Unreachable means that there was no connection, that it broke, or an error of no
	// other kind. A write may have happened.
	Unreachable Kind = "unreachable"
	// Locked means that another process held a lock for too long.
	Locked Kind = "locked"
	// Busy means that too many commits of the site wait in this process, so that this
	// one would not be in time. It was not begun. The Error wraps storage.ErrBusy.
	Busy Kind = "busy"
	// ReadOnly means that the database accepts no writes.
	ReadOnly Kind = "read_only"
	// Full means that the disk or a quota is full.
	Full Kind = "full"
	// Damaged means that the file is not a database, or is corrupt.
	Damaged Kind = "damaged"
	// NoFile means that the file of an SQLite database could not be opened or created.
	NoFile Kind = "no_file"
	// Missing means that a table does not exist: Migrate was not called on this
	// database.
	Missing Kind = "missing"
	// NotDurable means that the connection may lose acknowledged commits.
	NotDurable Kind = "not_durable"
	// Unreadable means that this program cannot decode a row.
	Unreadable Kind = "unreadable"
)

// Error is the failure of a database. It wraps storage.ErrUnavailable and the
// driver's error. It contains no data of a row.
type Error struct {
	Op   string `json:"op"` // the method: "Begin", "PutMember", ...
	Kind Kind   `json:"kind"`
	Err  error  `json:"-"`
}

func (e *Error) Error() string {
	i := slices.IndexFunc(kinds, func(k kindInfo) bool { return k.kind == e.Kind })
	return fmt.Sprintf("sqlstore: %s: %s: %v", e.Op, kinds[max(i, 0)].text, e.Err)
}

// Unwrap returns storage.ErrUnavailable and the driver's error.
func (e *Error) Unwrap() []error { return []error{storage.ErrUnavailable, e.Err} }

// kindInfo is how a kind reads, and how drivers report it: by an SQLSTATE (pgx, lib/pq)
// or, for SQLite, in the text of the error.
type kindInfo struct {
	kind          Kind
	text          string
	states, words []string
}

var kinds = []kindInfo{
	{Unreachable, "the database did not answer, or returned an error", nil, nil},
	{Locked, "another process kept the database locked", []string{"55P03", "40P01", serializationFailure},
		[]string{"database is locked", "table is locked"}},
	{Busy, "it would not be in time", nil, nil},
	{ReadOnly, "the database is read-only: check the permissions of the file and its folder, or that the connection string " +
		"leads to the primary server", []string{"25006"}, []string{"readonly database"}},
	{Full, "the database has no space left: free space on its disk, or raise its limit", []string{"53100"}, []string{"disk is full"}},
	{Damaged, "the file is not a database, or is corrupt", []string{"XX001", "XX002"}, []string{"not a database", "malformed"}},
	{NoFile, "the database file cannot be opened or created: check that its folder exists and that this process may write there", nil,
		[]string{"unable to open database file"}},
	{Missing, "a table is missing: call sqlstore.Migrate on this database", []string{"42P01", "42703"}, []string{"no such table"}},
	{NotDurable, "the connection may lose acknowledged commits", nil, nil},
	{Unreadable, "a row is unreadable", nil, nil},
}

// serializationFailure is the SQLSTATE of a statement that lost a race, where the server's
// default isolation is above "read committed".
const serializationFailure = "40001"

func kindOf(err error) Kind {
	state := sqlState(err)
	for _, k := range kinds {
		word := func(w string) bool { return state == "" && strings.Contains(err.Error(), w) }
		if slices.Contains(k.states, state) || slices.ContainsFunc(k.words, word) {
			return k.kind
		}
	}
	return Unreachable
}

// VersionError reports tables of another version than this program's. Nothing was
// read or written.
type VersionError struct {
	Have int `json:"have"`
	Want int `json:"want"`
}

func (e *VersionError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("sqlstore: the database is at version %d, newer than version %d of this program: update the program", e.Have, e.Want)
	}
	return fmt.Sprintf("sqlstore: the database is at version %d of %d: call sqlstore.Migrate first", e.Have, e.Want)
}

// Unwrap returns storage.ErrUnavailable.
func (e *VersionError) Unwrap() error { return storage.ErrUnavailable }

// SettingError names every setting of the database that this package cannot work with.
type SettingError struct {
	Faults []string `json:"faults"`
}

func (e *SettingError) Error() string {
	return "sqlstore: the database is not set up as required: " + strings.Join(e.Faults, "; ")
}

// Unwrap returns storage.ErrUnavailable.
func (e *SettingError) Unwrap() error { return storage.ErrUnavailable }

// fail converts the error of a driver to an *Error; it returns typed errors as they
// are.
func fail(ctx context.Context, op string, err error) error {
	if err == nil || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrUnavailable) {
		return err
	}
	if _, ok := errors.AsType[*storage.RequestError](err); ok {
		return err
	}
	kind := kindOf(err)
	if errors.Is(err, storage.ErrBusy) {
		kind = Busy
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) {
		err = errors.Join(ctxErr, err)
	}
	return &Error{op, kind, err}
}

// sqlState returns the SQLSTATE of a driver's error; empty if it has none.
func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// duplicate reports whether err is a violated unique index.
func duplicate(err error) bool {
	if state := sqlState(err); state != "" {
		return state == "23505"
	}
	return strings.Contains(err.Error(), "UNIQUE constraint failed")
}

func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// optional returns the error of scanning a row that may not exist.
func optional(err error) error {
	if noRows(err) {
		return nil
	}
	return err
}
