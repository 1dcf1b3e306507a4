package dbtest

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
)

// disk is a small file system of its own.
type disk struct {
	*testing.T
	dir string
}

// smallDisk mounts one of the given size, or skips the test where it may not. Other users
// may write to it: a PostgreSQL server does not run as root.
func smallDisk(t *testing.T, size string) disk {
	t.Helper()
	dir, err := os.MkdirTemp("", "dkfs") //nolint:usetesting // the server's user may not enter the folder of a test
	must(t, err)
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0777,size="+size)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("this process may not mount: %v", err)
	}
	must(t, err)
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
		os.Remove(dir)
	})
	return disk{t, dir}
}

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte free.
func (d disk) fill() {
	d.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(d.T, err)
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.Fatalf("the disk does not fill up: %v", err)
	}
}

// free removes what fill wrote. It truncates the file first: a child that another test
// starts may have it open for a moment, and a file that is open keeps its blocks.
func (d disk) free() {
	d.Helper()
	err := os.Truncate(d.ballast(), 0)
	if err == nil {
		err = os.Remove(d.ballast())
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.Fatal(err)
	}
}

// TestSQLiteOnFullDisk fills the disk of the file from each step of an unlock on.
func TestSQLiteOnFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("an outcome that cannot be written is tried again for 5 s")
	}
	small := smallDisk(t, "16m")
	s := newScene(t, Database{sqlstore.SQLite, sqlstore.SQLiteDSN(filepath.Join(small.dir, "doors.db"))})
	g, steps, db := s.oneConnection()
	s.failsFrom(storageCalls(), g, steps, storageFault{
		kind: sqlstore.Full, do: "free space on its disk",
		begin: func() { // the write-ahead log has no room of its own then
			_, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
			must(t, err)
			small.fill()
		},
		end: small.free,
	}, true)
}

// TestPostgreSQLTablesOnFullDisk fills the disk of the tables from the claim on, and from
// the settlement on; the server's own disk has room.
func TestPostgreSQLTablesOnFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("an outcome that cannot be written is tried again for 5 s")
	}
	small := smallDisk(t, "64m")
	server := ownServer(t)
	folder := filepath.Join(small.dir, "tables")
	must(t, server.Folder(folder))
	admin := Database{sqlstore.PostgreSQL, server.DSN("postgres")}.Raw(t)
	for _, q := range []string{"CREATE TABLESPACE small LOCATION '" + folder + "'", "CREATE DATABASE loft TABLESPACE small"} {
		_, err := admin.ExecContext(t.Context(), q)
		must(t, err)
	}
	s := newScene(t, Database{sqlstore.PostgreSQL, server.DSN("loft")})
	g, steps, _ := s.oneConnection()
	s.failsFrom([]string{"Begin", "Settle"}, g, steps, storageFault{
		kind: sqlstore.Full, do: "free space on its disk", begin: small.fill, end: small.free,
	}, false)
}

// TestPostgreSQLLogOnFullDisk fills the disk of the write-ahead log while members tap: the
// server stops itself. When there is room again, all that was recorded is there.
func TestPostgreSQLLogOnFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a server crashes and recovers")
	}
	small := smallDisk(t, "24m")
	folder := filepath.Join(small.dir, "wal")
	server := ownServer(t, "--wal-segsize=1", "--waldir="+folder)
	s := newScene(t, Database{sqlstore.PostgreSQL, server.DSN("postgres")})
	// The server writes over old segments: only a new one needs room.
	admin := s.d.Raw(t)
	for _, q := range []string{
		"ALTER SYSTEM SET min_wal_size = '2MB'", "ALTER SYSTEM SET wal_recycle = off", "SELECT pg_reload_conf()", "CHECKPOINT",
	} {
		_, err := admin.ExecContext(t.Context(), q)
		must(t, err)
	}
	v := s.visitors(s.gate(0), 4)
	v.open(20)
	small.fill()
	if err := s.untilLogIsFull(admin); err != nil {
		t.Fatal(err)
	}
	small.free()
	server.Down(true) // it may be about to end by itself, or to recover
	must(t, server.Up(t.Context()))
	v.open(20)
	if lost := v.finish(); len(lost) > 0 {
		t.Errorf("%d recorded outcomes were lost, the first is %+v", len(lost), lost[0])
	}
}

// untilLogIsFull writes to the server until it fails.
func (s *scene) untilLogIsFull(db *sql.DB) error {
	for range 100 {
		if _, err := db.ExecContext(s.Context(), "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 500000))"); err != nil {
			return nil
		}
	}
	return errors.New("the write-ahead log never filled the disk")
}
