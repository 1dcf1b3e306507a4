package saltokstest

import (
	"strings"
	"time"
)

// Movements returns how many remote commands the lock has carried out: one for each
// accepted unlock, office mode or lock command. Relocking and openings with a fob, a
// PIN or the inside handle do not count.
func (s *Sim) Movements(lockID string) (n int) {
	s.atLock(lockID, func(l *lock, _ time.Time) { n = l.movements })
	return n
}

// LockState returns the state of the door: "locked", "unlocked" or "office_mode".
func (s *Sim) LockState(lockID string) (state string) {
	s.atLock(lockID, func(l *lock, now time.Time) { state = l.state(now, false) })
	return state
}

// Tap presents a fob at a lock and reports whether the door opened. The fob is
// named by the number on a user's tag, or by the email of a user who has a fob.
// An entry is written whether or not the door opens. While the lock's schedule
// runs, the fob of a member with toggle_easy_office_mode toggles office mode
// instead.
func (s *Sim) Tap(lockID, fob string) (opened bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		m := find(l.site.members, func(m *member) bool {
			return m.user.Tag != "" && (m.user.Tag == fob || strings.EqualFold(m.user.Email, fob))
		})
		if m == nil {
			s.cloud.log(l, entry{category: "lock_rejected", detail: "no_access", by: "tag", byDetail: &fob, at: now})
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
		opened = s.cloud.openWithKey(l, m, e)
	})
	return opened
}

// unknownPIN is the user id in the entry of a PIN that the lock does not know. It
// belongs to no user.
func unknownPIN() string { return id("nobody", "unknown pin") }

// EnterPIN types a keypad PIN and "#", and reports whether the door opened. A PIN opens
// only the locks of an access group that has a time schedule.
func (s *Sim) EnterPIN(lockID, pin string) (opened bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		empty := ""
		m := l.site.pinHolder(pin, now)
		if m == nil || !l.site.reaches(m, l, now) || !strings.HasSuffix(l.Type, "_pin") {
			s.cloud.log(l, entry{
				category: "lock_rejected", detail: "no_access", by: "pin_code", byDetail: &empty, userID: unknownPIN(), at: now,
			})
			return
		}
		opened = s.cloud.openWithKey(l, m, entry{by: "pin_code", byDetail: &empty, user: m.user, at: now})
	})
	return opened
}

// OpenFromInside turns the inside handle. That is always possible, and writes
// an entry with exit_requested.
func (s *Sim) OpenFromInside(lockID string) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		s.cloud.log(l, entry{category: "lock_opened", by: "inside_handle", exit: true, at: now})
	})
}

// openWithKey opens the lock with a fob or PIN of m, unless the lock refuses m.
func (c *cloud) openWithKey(l *lock, m *member, e entry) bool {
	if why := l.refuses(m); why != "" {
		e.category, e.detail = "lock_rejected", strings.TrimPrefix(why, "privacy")
		c.log(l, e)
		return false
	}
	e.category = "lock_opened"
	l.openUntil = e.at.Add(time.Duration(l.OpenSeconds) * time.Second)
	c.log(l, e)
	return true
}

func (l *lock) refuses(m *member) string {
	switch {
	case m.suspended, m.blocked:
		return "suspended"
	case l.Offline:
		return "offline"
	case l.Privacy && !m.privacy:
		return "privacy" // the entry's event_detail is null
	}
	return ""
}

// RenameLock changes customer_reference, as an administrator does in SALTO's app.
func (s *Sim) RenameLock(lockID, name string) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Name = name })
}

// SetBattery changes battery_level, for example to "critical".
func (s *Sim) SetBattery(lockID, level string) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Battery = level })
}

// SetPrivacyMode sets privacy mode, in which only members with override_privacy_mode
// can open the lock.
func (s *Sim) SetPrivacyMode(lockID string, on bool) {
	s.atLock(lockID, func(l *lock, now time.Time) { l.setPrivacy(s.cloud, on, now) })
}

func (l *lock) setPrivacy(cl *cloud, on bool, now time.Time) {
	if l.Privacy != on {
		detail := "end"
		if on {
			detail = "start"
		}
		cl.log(l, entry{category: "privacy_mode", detail: detail, at: now})
	}
	l.Privacy = on
}

// SetLeftOpen begins or ends left_open_alarm: a door that was left open for more than
// 30 seconds. How SALTO ends it is not known.
func (s *Sim) SetLeftOpen(lockID string, on bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		if on && !l.LeftOpen {
			s.publishIncident(l, "left_open_alarm", now)
		}
		l.LeftOpen = on
	})
}

// SetIntrusion begins or ends intrusion_alarm: a door that was opened by force. How
// SALTO ends it is not known.
func (s *Sim) SetIntrusion(lockID string, on bool) {
	s.atLock(lockID, func(l *lock, now time.Time) {
		if on && !l.Forced {
			s.publishIncident(l, "intrusion_alarm", now)
		}
		l.Forced = on
	})
}

// SetLockOnline connects a lock to its IQ or disconnects it. Unlike with the fault
// LockOffline, reads report it.
func (s *Sim) SetLockOnline(lockID string, online bool) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Offline = !online })
}

// SetLockClock sets how far the lock's own clock is ahead of the simulator's; a negative
// offset is behind. The lock dates its entries by its own clock.
func (s *Sim) SetLockClock(lockID string, offset time.Duration) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.clockOffset = offset })
}

// SetSchedule sets the lock's easy office mode schedule; nil removes it. It panics on a
// schedule that is not valid.
func (s *Sim) SetSchedule(lockID string, sch *Schedule) {
	if sch != nil {
		sch = sch.clone()
		if err := sch.check(); err != nil {
			panic("saltokstest: the schedule is not valid: " + err.Error())
		}
	}
	s.atLock(lockID, func(l *lock, _ time.Time) { l.Schedule = sch })
}

// DetachLock removes the lock from its IQ, so that its "iq" is null.
func (s *Sim) DetachLock(lockID string) {
	s.atLock(lockID, func(l *lock, _ time.Time) { l.attach(nil) })
}

// AttachLock moves the lock to another IQ of its site.
func (s *Sim) AttachLock(lockID, iqID string) {
	s.atLock(lockID, func(l *lock, _ time.Time) {
		q := l.site.iqByID(iqID)
		if q == nil {
			panic("saltokstest: there is no IQ " + iqID + " at the site of the lock")
		}
		l.attach(q)
	})
}

func (l *lock) attach(q *iq) {
	l.iq, l.IQ = q, "none"
	if q != nil {
		l.IQ = q.ID
	}
}

// SetIQOnline connects an IQ to the cloud or disconnects it. Unlike with the fault
// IQOffline, reads report it.
func (s *Sim) SetIQOnline(iqID string, online bool) {
	s.atIQ(iqID, func(q *iq) { s.setIQOnline(q, online) })
}

func (s *Sim) setIQOnline(q *iq, online bool) {
	q.Offline = !online
	if online {
		s.cloud.deliverHeld(q, s.Now())
	}
}

// SetOTPEnabled sets whether commands to the IQ's locks require a one-time code.
func (s *Sim) SetOTPEnabled(iqID string, enabled bool) {
	s.atIQ(iqID, func(q *iq) { q.WithoutOTP = !enabled })
}

// atLock calls fn with a lock after settle. It panics if the id is unknown,
// because that is an error in the test.
func (s *Sim) atLock(lockID string, fn func(*lock, time.Time)) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.cloud.lockByID(lockID)
	if l == nil {
		panic("saltokstest: there is no lock " + lockID)
	}
	l.settle(s.cloud, now)
	fn(l, now)
}
