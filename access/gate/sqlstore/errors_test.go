package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{stateError("25006"), ReadOnly}, {stateError("53100"), Full}, {stateError("40P01"), Locked},
		{stateError("42P01"), Missing}, {stateError("57P01"), Unreachable},
		{errors.New("database is locked (5) (SQLITE_BUSY)"), Locked}, {errors.New("database table is locked (6)"), Locked},
		{errors.New("database or disk is full (13)"), Full}, {errors.New("file is not a database (26)"), Damaged},
		{errors.New("database disk image is malformed (11)"), Damaged}, {errors.New("unable to open database file (14)"), NoFile},
		{errors.New("SQL logic error: no such table: doorkit_doors (1)"), Missing},
		{errors.New("attempt to write a readonly database"), ReadOnly},
		{errors.New("EOF"), Unreachable}, {storage.ErrBusy, Busy},
	} {
		err := fail(t.Context(), "Begin", fmt.Errorf("wrapped: %w", c.err))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != c.want || !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, c.err) {
			t.Errorf("%v becomes %#v, want kind %s", c.err, err, c.want)
		}
		i := slices.IndexFunc(kinds, func(k kindInfo) bool { return k.kind == c.want })
		if i < 0 || !strings.Contains(err.Error(), kinds[i].text) {
			t.Errorf("the text does not name the kind: %v", err)
		}
	}
}

// An error of a row keeps its kind, whatever the method.
func TestUnreadableIsNamed(t *testing.T) {
	for what, err := range map[string]error{
		"no JSON":    readDoc([]byte("no JSON"), new(int)),
		"a text":     instant{new(time.Time)}.Scan("yesterday"),
		"a number":   digest{new(storage.Digest)}.Scan(int64(1)),
		"five bytes": digest{new(storage.Digest)}.Scan([]byte("12345")),
	} {
		err = fail(t.Context(), "Member", err)
		if e, ok := errors.AsType[*Error](err); !ok || e.Op != "read" || e.Kind != Unreadable ||
			!strings.Contains(err.Error(), "a row is unreadable") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestFailKeepsTypedErrors(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the server is shutting down")
	cancel(cause)
	err := fail(ctx, "Load", errors.New("interrupted"))
	for _, want := range []error{context.Canceled, cause, storage.ErrUnavailable} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not %v", err, want)
		}
	}
	for _, err := range []error{storage.NotFound("door", "front"), storage.Stale("door", "front", 1), &LeaseError{"k"}} {
		if got := fail(t.Context(), "Door", err); !errors.Is(got, err) || got.Error() != err.Error() {
			t.Errorf("%v became %v", err, got)
		}
	}
	if fail(t.Context(), "Door", nil) != nil {
		t.Error("no error became one")
	}
}

func TestVersionErrorNamesTheFix(t *testing.T) {
	if text := (&VersionError{Have: 9, Want: 3}).Error(); !strings.Contains(text, "update the program") {
		t.Error(text)
	}
	if text := (&VersionError{Have: 1, Want: 3}).Error(); !strings.Contains(text, "sqlstore.Migrate") {
		t.Error(text)
	}
}

func TestOpenRequiresADialect(t *testing.T) {
	var s *SettingError
	if _, err := Open(t.Context(), Config{Dialect: SQLite}); !errors.As(err, &s) {
		t.Errorf("Open without a database: %v", err)
	}
}

func TestStatementsOfEitherDialect(t *testing.T) {
	const text = "SELECT {clock}, {sync} FROM t WHERE a = $1 AND b = $12"
	const other = "SELECT {sync} FROM {each (}t WHERE {unindexed}a < 1{) by starts}, {each (}t{) by effective}"
	for d, want := range map[Dialect]string{
		SQLite: "SELECT '' FROM t WHERE +a < 1, t",
		PostgreSQL: "SELECT current_setting('synchronous_commit') FROM LATERAL (SELECT n.* FROM t WHERE a < 1 ORDER BY n.starts OFFSET 0) n, " +
			"LATERAL (SELECT n.* FROM t ORDER BY n.effective OFFSET 0) n",
	} {
		if got := d.sql(other); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
	if got := SQLite.sql(text); strings.ContainsAny(got, "{$") || !strings.HasSuffix(got, "a = ?1 AND b = ?12") {
		t.Errorf("SQLite: %s", got)
	}
	if got := PostgreSQL.sql(text); strings.Contains(got, "{") || !strings.HasSuffix(got, "a = $1 AND b = $12") {
		t.Errorf("PostgreSQL: %s", got)
	}
}
