package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	Op   string // the method: "Begin", "PutMember", ...
	Kind Kind
	Err  error
}

func (e *Error) Error() string {
	return fmt.Sprintf("sqlstore: %s: %s: %v", e.Op, kindText[e.Kind], e.Err)
}

// Unwrap returns storage.ErrUnavailable and the driver's error.
func (e *Error) Unwrap() []error { return []error{storage.ErrUnavailable, e.Err} }

var kindText = map[Kind]string{
	Unreachable: "the database did not answer, or returned an error",
	Locked:      "another process kept the database locked",
	ReadOnly:    "the database is read-only",
	Full:        "the database has no space left",
	Damaged:     "the file is not a database, or is corrupt",
	NoFile:      "the database file cannot be opened or created: check that its folder exists and that this process may write there",
	Missing:     "a table is missing: call sqlstore.Migrate on this database",
	NotDurable:  "the connection may lose acknowledged commits",
	Unreadable:  "a row is unreadable",
}

// VersionError reports tables of another version than this program's. Nothing was
// read or written.
type VersionError struct{ Have, Want int }

func (e *VersionError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("sqlstore: the database is at version %d, newer than version %d of this program: update the program", e.Have, e.Want)
	}
	return fmt.Sprintf("sqlstore: the database is at version %d of %d: call sqlstore.Migrate first", e.Have, e.Want)
}

// Unwrap returns storage.ErrUnavailable.
func (e *VersionError) Unwrap() error { return storage.ErrUnavailable }

// SettingError names every setting of the database that this package cannot work with.
type SettingError struct{ Faults []string }

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

// kindOf uses what drivers report: an SQLSTATE (pgx, lib/pq), a result code
// (modernc.org/sqlite) or, last, SQLite's error text.
func kindOf(err error) Kind {
	if state := sqlState(err); state != "" {
		for _, s := range sqlStates {
			if strings.HasPrefix(state, s.prefix) {
				return s.kind
			}
		}
		return Unreachable
	}
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		if k, ok := sqliteCodes[e.Code()&0xff]; ok {
			return k
		}
	}
	for _, w := range sqliteWords {
		if strings.Contains(err.Error(), w.text) {
			return w.kind
		}
	}
	return Unreachable
}

var sqlStates = []struct {
	prefix string
	kind   Kind
}{
	{"25006", ReadOnly}, {"53100", Full}, {"53200", Full}, {"55P03", Locked}, {"40P01", Locked}, {"40001", Locked},
	{"42P01", Missing}, {"42703", Missing}, {"XX001", Damaged}, {"XX002", Damaged},
}

var sqliteCodes = map[int]Kind{5: Locked, 6: Locked, 8: ReadOnly, 11: Damaged, 13: Full, 14: NoFile, 26: Damaged}

var sqliteWords = []struct {
	text string
	kind Kind
}{
	{"no such table", Missing}, {"database is locked", Locked}, {"table is locked", Locked}, {"readonly database", ReadOnly},
	{"disk is full", Full}, {"unable to open database file", NoFile}, {"not a database", Damaged}, {"malformed", Damaged},
}

// duplicate reports whether err is a violated unique index.
func duplicate(err error) bool {
	if state := sqlState(err); state != "" {
		return state == "23505"
	}
	return strings.Contains(err.Error(), "UNIQUE constraint failed")
}

func missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }
