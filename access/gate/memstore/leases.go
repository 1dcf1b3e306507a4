package memstore

import (
	"context"
	"time"
)

type leaseName struct{ site, name string }

type lease struct {
	holder string
	until  time.Time
}

// AcquireLease implements storage.Leases, by the monotonic clock.
func (s *Store) AcquireLease(ctx context.Context, site, name, holder string, d time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := leaseName{site, name}, time.Now()
	if l := s.leases[key]; l.holder != holder && now.Before(l.until) {
		return false, nil
	}
	s.leases[key] = lease{holder, now.Add(d)}
	return true, nil
}
