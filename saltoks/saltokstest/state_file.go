package saltokstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const saveEvery = 2 * time.Second

// openState reads Config.StateFile if it exists.
func (s *Sim) openState() error {
	if s.cfg.StateFile == "" {
		return nil
	}
	raw, err := os.ReadFile(s.cfg.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s.saveState() // a file that cannot be written is reported at the start
	}
	if err != nil {
		return fmt.Errorf("saltokstest: %w", err)
	}
	var snap snapshot
	if err = decodeStrict(raw, &snap); err == nil {
		s.mu.Lock()
		err = s.restore(&snap)
		s.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("saltokstest: the state file %s is not valid; move it away to start without it: %w", s.cfg.StateFile, err)
	}
	s.saved = raw
	return nil
}

// keepState saves the state every two seconds until the simulator ends.
func (s *Sim) keepState() {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ticker.C:
		case <-s.closed:
			return
		}
		err := s.saveState()
		if err != nil && !failed {
			s.cfg.Logger.Error("the state of the simulator could not be saved", "error", err)
		}
		failed = err != nil
	}
}

// saveState writes the state file, unless it has the current state already.
func (s *Sim) saveState() error {
	if s.cfg.StateFile == "" {
		return nil
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	snap, err := s.snapshot()
	var raw []byte
	if err == nil {
		raw, err = json.Marshal(snap)
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("saltokstest: %w", err)
	}
	if bytes.Equal(raw, s.saved) {
		return nil
	}
	if err := writeFile(s.cfg.StateFile, raw); err != nil {
		return fmt.Errorf("saltokstest: %w", err)
	}
	s.saved = raw
	return nil
}

// writeFile replaces a file atomically. Only its owner can read it.
func writeFile(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
