//go:build unix

// Package pgserver starts a PostgreSQL server for tests: in a folder of its own,
// reachable over a Unix socket in it, gone when it is stopped.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// ErrMissing is returned if this machine has no PostgreSQL server to start.
var ErrMissing = errors.New("no PostgreSQL server found: install the package \"postgresql\" (Debian, Ubuntu: apt-get install " +
	"postgresql), put initdb into PATH, or set DOORKIT_TEST_POSTGRES to the DSN of a server where databases may be created")

// Server is a running server. Its methods are not safe for concurrent use.
type Server struct {
	dir  string
	bin  string
	cred *syscall.Credential
	cmd  *exec.Cmd
	done chan struct{}
}

// Start makes a database cluster in a new temporary folder and starts a server
// on it, with syncing on. When run by root it runs as the user postgres or
// nobody, because PostgreSQL refuses root. The options are those of initdb.
func Start(ctx context.Context, options ...string) (*Server, error) {
	return up(ctx, func(s *Server) error { return s.initdb(ctx, options) })
}

// Template makes a database cluster like Start and starts no server on it. Copies of it
// take a tenth of the time of a new one.
func Template(ctx context.Context) (*Server, error) {
	return prepare(func(s *Server) error { return s.initdb(ctx, nil) })
}

// Copy starts a server on a copy of the data of s, which must be down.
func (s *Server) Copy(ctx context.Context) (*Server, error) {
	return up(ctx, func(c *Server) error { return c.run(ctx, "cp", "-Rp", s.data(), c.data()) })
}

// Standby starts a server that is a copy of s and receives its changes, as a hot
// standby. from is the connection string by which it reaches s.
func (s *Server) Standby(ctx context.Context, from string) (*Server, error) {
	return up(ctx, func(c *Server) error {
		return c.run(ctx, filepath.Join(c.bin, "pg_basebackup"), "-D", c.data(), "-d", from, "--write-recovery-conf",
			"--wal-method=stream", "--checkpoint=fast", "--no-sync")
	})
}

// up starts a server on the data that fill makes.
func up(ctx context.Context, fill func(*Server) error) (*Server, error) {
	s, err := prepare(fill)
	if err != nil {
		return nil, err
	}
	if err := s.Up(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// prepare returns a server that is down, on the data that fill makes.
func prepare(fill func(*Server) error) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dkpg") // short: socket paths are at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if err = s.own(); err == nil {
		err = fill(s)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func (s *Server) initdb(ctx context.Context, options []string) error {
	// What initdb writes need not be synced; what tests write is.
	args := []string{"-D", s.data(), "-U", "doorkit", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"}
	return s.run(ctx, filepath.Join(s.bin, "initdb"), append(args, options...)...)
}

// run runs a program to its end as the user of the server.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	if out, err := s.command(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

// find returns the folder of the server's programs.
func find() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/local/pgsql/bin/initdb",
		"/opt/homebrew/opt/postgresql*/bin/initdb", "/usr/pgsql-*/bin/initdb"} {
		list, _ := filepath.Glob(pattern) // the patterns are sound
		if len(list) > 0 {
			slices.Sort(list)
			return filepath.Dir(list[len(list)-1]), nil
		}
	}
	return "", ErrMissing
}

// own gives the folder to the user that the server runs as.
func (s *Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(s.dir, int(uid), int(gid))
	}
	return errors.New("run by root, and there is neither a user postgres nor a user nobody to run the server as")
}

// Folder makes a folder that belongs to the user that the server runs as.
func (s *Server) Folder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil || s.cred == nil {
		return err
	}
	return os.Chown(path, int(s.cred.Uid), int(s.cred.Gid))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true}
	return cmd
}

// Dir is the folder of the server's socket: the host in its connection string.
func (s *Server) Dir() string { return s.dir }

// DSN names the database in the words of libpq and pgx.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("host=%s port=5432 user=doorkit dbname=%s sslmode=disable", s.dir, database)
}

// Up starts the server if it is down, and returns when it takes connections.
func (s *Server) Up(ctx context.Context) error {
	if s.cmd != nil {
		select {
		case <-s.done: // it ended without being stopped
		default:
			return nil
		}
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The server must outlive ctx, which limits the start alone.
	cmd := s.command(context.WithoutCancel(ctx), filepath.Join(s.bin, "postgres"), "-D", s.data(), "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+s.dir, "-c", "max_connections=300", "-c", "shared_buffers=64MB")
	cmd.Stderr, cmd.Stdout = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // a killed server's status means nothing
		close(done)
	}()
	s.cmd, s.done = cmd, done
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if s.answers() {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-done:
			s.cmd = nil
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("postgres ended: %s", text)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answers sends a start-up packet: "the database system is starting up" comes
// as an error message, a greeting does not.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("unix", filepath.Join(s.dir, ".s.PGSQL.5432"), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	body := "\x00\x03\x00\x00user\x00doorkit\x00database\x00postgres\x00\x00"
	packet := append([]byte{0, 0, 0, byte(len(body) + 4)}, body...)
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(packet); err != nil {
		return false
	}
	var kind [1]byte
	_, err = conn.Read(kind[:])
	return err == nil && kind[0] == 'R'
}

// Down stops the server at once: connections break, and what was acknowledged
// is on disk. With kill nothing is put in order, as after a power cut; every
// process of the server has ended when it returns. (SIGKILL would leave those
// that serve a connection alive for a moment: they have groups of their own.)
func (s *Server) Down(kill bool) {
	if s.cmd == nil {
		return
	}
	if kill {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	} else {
		_ = s.cmd.Process.Signal(syscall.SIGINT)
	}
	<-s.done
	s.cmd = nil
}

// Close stops the server and removes its folder.
func (s *Server) Close() {
	s.Down(false)
	os.RemoveAll(s.dir)
}
