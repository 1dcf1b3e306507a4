package saltostate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/keylock"
)

// FileStore is a Store in one folder of a local file system, for any number of
// processes on one machine. Each key has a document file and a lock file, named
// by the SHA-256 of the key; a document is replaced by rename, so a reader sees
// the old or the new one and never waits. It is safe for concurrent use; the
// zero FileStore refuses every call.
//
// The kernel releases the lock of a process that dies. Empty lock files remain.
// Do not put the folder on NFS: its locks and renames give weaker guarantees. A
// restored backup holds refresh tokens that were rotated since: the next
// refresh fails with ErrReauthorize, and the connection must be reconnected.
//
// Only the process's own user may have write access to the folder. If one of
// the files is not a regular file (a symbolic link, a named pipe), the call
// fails without following it or waiting for it.
type FileStore struct {
	dir   string
	locks keylock.Locks // one goroutine per key waits for the file lock
}

// NewFileStore returns a FileStore in dir. It creates dir (mode 0700) if it is
// missing. It fails if other users may write to dir, or if the system has no
// flock.
func NewFileStore(dir string) (*FileStore, error) {
	if dir == "" {
		return nil, errors.New("saltostate: NewFileStore requires a folder")
	}
	if !canFlock {
		return nil, fmt.Errorf("saltostate: the file store requires flock, which this system does not have: %w", errors.ErrUnsupported)
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("saltostate: the folder of the file store: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, fmt.Errorf("saltostate: other users may write to the folder of the file store, %s (mode %04o): chmod it to 0700", dir, mode)
	}
	return &FileStore{dir: dir}, nil
}

var errZeroValue = errors.New("saltostate: the FileStore is a zero value: create it with NewFileStore")

// path returns the document's file, without a suffix. A key may hold characters
// that a file name must not; its hash holds none.
func (s *FileStore) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:]))
}

// Get reads the document under key. It returns nil if the document is absent.
func (s *FileStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.dir == "" {
		return nil, errZeroValue
	}
	f, err := openFile(s.path(key)+".doc", os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("saltostate: file store: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("saltostate: file store: %w", err)
	}
	return b, nil
}

// Update changes the document under key, as Store describes. It waits for other
// processes by polling every few milliseconds, until ctx ends.
func (s *FileStore) Update(ctx context.Context, key string, fn func(ctx context.Context, current []byte) ([]byte, error)) error {
	unlock, err := s.locks.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	if s.dir == "" {
		return errZeroValue
	}
	base := s.path(key)
	lock, err := lockFile(ctx, base+".lock")
	if err != nil {
		return err
	}
	defer lock.Close() // closing frees the lock

	return change(ctx, s, key, fn, func(next []byte) error {
		err := error(nil)
		if next == nil {
			err = os.Remove(base + ".doc")
		} else {
			err = replaceFile(base+".doc", base+".tmp", next)
		}
		if err == nil {
			err = syncDir(s.dir)
		}
		if err != nil {
			return fmt.Errorf("saltostate: file store: %w", err)
		}
		return nil
	})
}

// openFile opens a regular file. It follows no symbolic link at path and does not
// wait for the other end of a named pipe.
func openFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|onlyRegular, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// replaceFile writes through a temporary file. There is one writer per key, so
// the file's name is fixed; a file that a killed process left is removed.
func replaceFile(path, temp string, b []byte) error {
	if info, err := os.Lstat(temp); err == nil && !info.IsDir() {
		if err := os.Remove(temp); err != nil {
			return err
		}
	}
	f, err := openFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockFile takes the exclusive lock of a file. It polls, so that no goroutine
// outlives ctx.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	const first, last = time.Millisecond, 20 * time.Millisecond
	for pause := first; ; pause = min(2*pause, last) {
		f, err := openFile(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, fmt.Errorf("saltostate: file store: %w", err)
		}
		taken, err := tryLock(f, path)
		if taken {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("saltostate: file store: locking: %w", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryLock reports whether it took the lock of f, the file at path. If that file
// was deleted in the meantime, a lock on it would exclude no other process.
func tryLock(f *os.File, path string) (taken bool, err error) {
	if taken, err := flock(f); err != nil || !taken {
		return false, err
	}
	locked, err := f.Stat()
	if err != nil {
		return false, err
	}
	current, err := os.Stat(path)
	return err == nil && os.SameFile(locked, current), nil
}
