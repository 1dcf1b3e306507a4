package saltokstest

// Movements returns how many remote commands the lock has carried out: one for
// each accepted unlock, office mode or lock. Relocking by itself and openings
// with a fob, a PIN or the inside handle do not count, so it says how often a
// command took effect.
func (s *Sim) Movements(lockID string) (n int) {
	s.withLock(lockID, func(l *lock) { n = l.movements })
	return n
}

// LockState returns "locked", "unlocked" or "office_mode", as the door is now.
func (s *Sim) LockState(lockID string) (state string) {
	now := s.Now()
	s.withLock(lockID, func(l *lock) { state = l.state(now, false) })
	return state
}

// withLock runs fn on a settled lock. An unknown id panics: the test is wrong.
func (s *Sim) withLock(lockID string, fn func(*lock)) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.cloud.lockByID(lockID)
	if l == nil {
		panic("saltokstest: no lock " + lockID)
	}
	l.settle(s.cloud, now)
	fn(l)
}
