//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNoPooler is returned if this machine has no PgBouncer.
var ErrNoPooler = errors.New("no pgbouncer found: install the package \"pgbouncer\" (Debian, Ubuntu: apt-get install pgbouncer), " +
	"or put it into PATH")

// Pool starts a PgBouncer in transaction mode in front of the server, with the given
// number of server connections, and returns the DSN of a database behind it. stop
// ends it.
func (s *Server) Pool(ctx context.Context, database string, size int) (dsn string, stop func(), err error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin = "/usr/sbin/pgbouncer"; !exists(bin) { // not in everybody's PATH
			return "", nil, ErrNoPooler
		}
	}
	dir, err := os.MkdirTemp(s.dir, "pool")
	if err != nil {
		return "", nil, err
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	users := filepath.Join(dir, "users.txt")
	text := fmt.Sprintf("[databases]\n* = host=%s port=5432\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nlisten_port = 6432\n"+
		"auth_type = trust\nauth_file = %s\n"+
		"pool_mode = transaction\ndefault_pool_size = %d\nmax_client_conn = 200\n"+
		"ignore_startup_parameters = extra_float_digits\n", s.dir, dir, users, size)
	for path, text := range map[string]string{config: text, users: "\"doorkit\" \"\"\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", nil, err
		}
	}
	if s.cred != nil {
		if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return "", nil, err
		}
	}
	var log strings.Builder
	cmd := exec.CommandContext(context.WithoutCancel(ctx), bin, config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // a killed process's status means nothing
		close(done)
	}()
	stop = func() {
		_ = cmd.Process.Kill()
		<-done
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.DialTimeout("unix", filepath.Join(dir, ".s.PGSQL.6432"), time.Second); err == nil {
			conn.Close()
			return fmt.Sprintf("host=%s port=6432 user=doorkit dbname=%s sslmode=disable", dir, database), stop, nil
		}
		select {
		case <-tick.C:
		case <-done:
			return "", nil, fmt.Errorf("pgbouncer ended: %s", log.String())
		case <-ctx.Done():
			stop()
			return "", nil, ctx.Err()
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
