package saltokstest

import (
	"strings"
	"time"
)

// Movements returns how many remote commands the lock has carried out: one for
// each accepted unlock, office mode or lock. Relocking by itself and openings
// with a fob, a PIN or the inside handle do not count, so it says how often a
// command took effect.
func (s *Sim) Movements(lockID string) (n int) {
	s.atLock(lockID, func(l *lock, _ time.Time) { n = l.movements })
	return n
}

// LockState returns "locked", "unlocked" or "office_mode", as the door is now.
func (s *Sim) LockState(lockID string) (state string) {
	s.atLock(lockID, func(l *lock, now time.Time) { state = l.state(now, false) })
	return state
}

// Tap holds a fob to a lock: whose is the number on a user's tag, or the
// e-mail of a user who has one. It reports whether the door opened; either way
// there is an entry. While the lock's schedule runs, the fob of a member with
// toggle_easy_office_mode switches office mode instead.
func (s *Sim) Tap(lockID, whose string) (opened bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		m := find(l.site.members, func(m *member) bool {
			return m.user.Tag != "" && (m.user.Tag == whose || strings.EqualFold(m.user.Email, whose))
		})
		if m == nil {
			s.cloud.log(l, entry{category: "lock_rejected", detail: "no_access", by: "tag", byDetail: &whose, at: now})
			return
		}
		tag := m.user.Tag
		e := entry{by: "tag", byDetail: &tag, user: m.user, at: now}
		if l.Schedule != nil && m.easy && l.refuses(m) == "" && l.Schedule.running(now, l.zone()) {
			l.office = !l.office
			e.category, e.detail = "easy_office_mode", "end"
			if l.office {
				e.detail = "start"
			}
			s.cloud.log(l, e)
			opened = l.office
			return
		}
		opened = s.cloud.tryKey(l, m, e)
	})
	return opened
}

// unknownPIN is the user id of every rejected PIN that the lock does not know;
// it belongs to nobody (WIRE.md 2.7, measured).
func unknownPIN() string { return id("nobody", "unknown pin") }

// EnterPIN types a keypad PIN and "#". A PIN opens only where an access group
// with a time schedule leads (WIRE.md 2.6, measured); any other is rejected
// with a user id that belongs to nobody.
func (s *Sim) EnterPIN(lockID, pin string) (opened bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		empty := ""
		m := l.site.pinHolder(pin, now)
		if m == nil || !l.site.reaches(m, l, now) || !strings.HasSuffix(l.Type, "_pin") {
			s.cloud.log(l, entry{category: "lock_rejected", detail: "no_access", by: "pin_code", byDetail: &empty, userID: unknownPIN(), at: now})
			return
		}
		opened = s.cloud.tryKey(l, m, entry{by: "pin_code", byDetail: &empty, user: m.user, at: now})
	})
	return opened
}

// OpenFromInside turns the inside handle: always possible, and an entry with
// exit_requested.
func (s *Sim) OpenFromInside(lockID string) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		s.cloud.log(l, entry{category: "lock_opened", by: "inside_handle", exit: true, at: now})
	})
}

// tryKey opens for a known key unless something is against it.
func (cl *cloud) tryKey(l *lock, m *member, e entry) bool {
	if why := l.refuses(m); why != "" {
		e.category, e.detail = "lock_rejected", strings.TrimPrefix(why, "privacy")
		cl.log(l, e)
		return false
	}
	e.category = "lock_opened"
	l.openUntil = e.at.Add(time.Duration(l.OpenSeconds) * time.Second)
	cl.log(l, e)
	return true
}

func (l *lock) refuses(m *member) string {
	switch {
	case m.suspended, m.blocked:
		return "suspended"
	case l.Offline:
		return "offline"
	case l.Privacy && !m.privacy:
		return "privacy" // event_detail is null
	}
	return ""
}

// RenameLock changes customer_reference, as somebody would in SALTO's own app.
func (s *Sim) RenameLock(lockID, name string) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Name = name })
}

// SetBattery changes battery_level, e.g. to "critical".
func (s *Sim) SetBattery(lockID, level string) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Battery = level })
}

// SetPrivacyMode turns privacy mode on or off: it keeps out everybody without
// override_privacy_mode.
func (s *Sim) SetPrivacyMode(lockID string, on bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		if l.Privacy != on {
			detail := "end"
			if on {
				detail = "start"
			}
			s.cloud.log(l, entry{category: "privacy_mode", detail: detail, at: now})
		}
		l.Privacy = on
	})
}

// SetLockOnline connects a lock to its IQ or cuts it off; unlike the fault
// lock_offline, reads say so.
func (s *Sim) SetLockOnline(lockID string, online bool) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Offline = !online })
}

// SetSchedule gives the lock an easy office mode schedule, or takes it away
// with nil. It panics when the schedule makes no sense.
func (s *Sim) SetSchedule(lockID string, sch *Schedule) {
	if sch != nil {
		sch = sch.clone()
		if err := sch.check(); err != nil {
			panic("saltokstest: the schedule is not valid: " + err.Error())
		}
	}
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Schedule = sch })
}

// DetachLock takes the lock off its IQ: "iq" is null from now on.
func (s *Sim) DetachLock(lockID string) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.iq = nil })
}

// atLock runs fn on a settled lock. An unknown id panics: the test is wrong.
func (s *Sim) atLock(lockID string, fn func(*lock, time.Time)) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.cloud.lockByID(lockID)
	if l == nil {
		panic("saltokstest: no lock " + lockID)
	}
	l.settle(s.cloud, now)
	fn(l, now)
}

// SetIQOnline connects an IQ or cuts it off; unlike the fault iq_offline, reads
// say so.
func (s *Sim) SetIQOnline(iqID string, online bool) {
	s.atIQ(iqID, func(q *iq) { q.Offline = !online })
}
