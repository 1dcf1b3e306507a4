package saltokstest

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// AddUser adds a person with a SALTO account and returns it with its ids. It
// belongs to no site until AddMember.
func (s *Sim) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Email == "" || s.cloud.userByEmail(u.Email) != nil {
		panic(fmt.Sprintf("saltokstest: a user needs an e-mail of its own, not %q", u.Email))
	}
	u.fill()
	s.cloud.users = append(s.cloud.users, &user{u})
	s.world.Users = append(s.world.Users, u)
	return u
}

// AddSite adds a site and returns it with its ids. Its members must be users of
// the world; without any, nobody sees it.
func (s *Sim) AddSite(st Site) Site {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	mustFit(st.fill(s.world.Users))
	if s.cloud.siteByID(st.ID) != nil {
		panic("saltokstest: there is a site " + st.Name + " already")
	}
	s.cloud.addSite(st, now)
	s.world.Sites = append(s.world.Sites, st)
	return st
}

// AddIQ adds an IQ to a site.
func (s *Sim) AddIQ(siteID string, q IQ) IQ {
	s.atSite(siteID, func(st *site, w *Site) {
		mustFit(q.fill(w))
		if st.iqByID(q.ID) != nil {
			panic("saltokstest: there is an IQ " + q.Name + " already")
		}
		st.addIQ(q)
		w.IQs = append(w.IQs, q)
	})
	return q
}

// AddLock adds a lock to a site.
func (s *Sim) AddLock(siteID string, l Lock) Lock {
	now := s.Now()
	s.atSite(siteID, func(st *site, w *Site) {
		mustFit(l.fill(w))
		if st.lockByID(l.ID) != nil {
			panic("saltokstest: there is a lock " + l.Name + " already")
		}
		st.addLock(l, now)
		w.Locks = append(w.Locks, l)
	})
	return l
}

// AddMember puts a user of the world on a site.
func (s *Sim) AddMember(siteID string, m Member) Member {
	s.atSite(siteID, func(st *site, w *Site) {
		u := s.cloud.userByEmail(m.User)
		if u == nil || st.memberOf(u) != nil {
			panic(fmt.Sprintf("saltokstest: %q is no user of the world, or a member already", m.User))
		}
		mustFit(m.fill(siteID))
		s.cloud.addMember(st, m)
		w.Members = append(w.Members, m)
	})
	return m
}

// RemoveMember takes a user off a site: the site is gone from the user's list,
// and activations at its IQs are dead.
func (s *Sim) RemoveMember(siteID, email string) {
	s.atSite(siteID, func(st *site, w *Site) {
		if m := st.memberOf(s.cloud.userByEmail(email)); m != nil {
			st.remove(m)
		}
	})
}

// SetRemoteAccess gives or takes the right to open from afar.
func (s *Sim) SetRemoteAccess(siteID, email string, may bool) {
	s.atSite(siteID, func(st *site, _ *Site) {
		m := st.memberOf(s.cloud.userByEmail(email))
		if m == nil {
			panic("saltokstest: no member " + email)
		}
		m.remote = may
	})
}

// SetReleased releases a site or takes the release back; SetPaid does the same
// with its subscription.
func (s *Sim) SetReleased(siteID string, released bool) {
	s.atSite(siteID, func(st *site, _ *Site) { st.Unreleased = !released })
}

// SetPaid starts or ends the subscription of a site.
func (s *Sim) SetPaid(siteID string, paid bool) {
	s.atSite(siteID, func(st *site, _ *Site) { st.Unpaid = !paid })
}

// SetIQOnline connects an IQ or cuts it off; unlike the fault iq_offline, reads
// say so.
func (s *Sim) SetIQOnline(iqID string, online bool) {
	s.atIQ(iqID, func(q *iq) { q.Offline = !online })
}

// AddRedirectURI registers one more redirect URI of the client.
func (s *Sim) AddRedirectURI(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.redirects = append(s.cloud.redirects, uri)
}

// Activate activates a user at an IQ without the way through secret, mail and
// confirmation, and returns what the user then knows.
func (s *Sim) Activate(email, iqID string) (secret, pin string) {
	now := s.Now()
	s.atIQ(iqID, func(q *iq) {
		u := s.cloud.userByEmail(email)
		if u == nil {
			panic("saltokstest: no user " + email)
		}
		a := q.record(u)
		secret, pin = s.cloud.newSecret(), s.cloud.newPIN(4)
		*a = activation{secret: secret, handedOut: true, pin: pin, iqPIN: pin, activated: true, at: now, used: a.used, fails: map[string]*fails{}}
	})
	return secret, pin
}

// OTP returns a right code of this second; "" when the user has no secret or
// no PIN there.
func (s *Sim) OTP(email, iqID string) (otp string) {
	now := s.Now()
	s.atIQ(iqID, func(q *iq) {
		if u := s.cloud.userByEmail(email); u != nil {
			if a := q.activations[u.ID]; a != nil && a.secret != "" && a.pin != "" {
				otp = otpAt(now, a.secret, a.pin)
			}
		}
	})
	return otp
}

// WrongOTP returns a code that is proven wrong: no second of the next and the
// last quarter of an hour has it.
func (s *Sim) WrongOTP(email, iqID string) (otp string) {
	now := s.Now()
	s.atIQ(iqID, func(q *iq) {
		right := map[string]bool{}
		if u := s.cloud.userByEmail(email); u != nil {
			if a := q.activations[u.ID]; a != nil {
				for d := -15 * time.Minute; d <= 15*time.Minute; d += time.Second {
					right[otpAt(now.Add(d), a.secret, a.pin)] = true
				}
			}
		}
		for n := 0; otp == "" || right[otp]; n++ {
			otp = hex.EncodeToString([]byte{byte(n >> 8), byte(n), 0})[:5]
		}
	})
	return otp
}

// Entry is one row of SALTO's audit log, as Entries shows it to a test.
type Entry struct {
	ID       string
	Category string // "lock_opened", "lock_rejected", "office_mode", …
	Detail   string
	At       time.Time
	LockID   string
	LockName string // as it was then
	UserID   string // platform user id; "" for none
	By       string // "remote", "tag", "pin_code", "inside_handle" or ""
	Exit     bool
}

// Entries returns a site's audit log, oldest first.
func (s *Sim) Entries(siteID string) (list []Entry) {
	now := s.Now()
	s.atSite(siteID, func(st *site, _ *Site) {
		for _, e := range st.log(s.cloud, now, false) {
			x := Entry{entryID(e), e.category, e.detail, e.at, e.lock.ID, e.lockName, e.userID, e.by, e.exit}
			if e.user != nil {
				x.UserID = e.user.ID
			}
			list = append(list, x)
		}
	})
	return list
}

func (s *Sim) atSite(siteID string, fn func(*site, *Site)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.world.Sites {
		if w := &s.world.Sites[i]; w.ID == siteID {
			fn(s.cloud.siteByID(siteID), w)
			return
		}
	}
	panic("saltokstest: no site " + siteID)
}

func (s *Sim) atIQ(iqID string, fn func(*iq)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.cloud.sites {
		if q := st.iqByID(strings.ToLower(iqID)); q != nil {
			fn(q)
			return
		}
	}
	panic("saltokstest: no iq " + iqID)
}

func mustFit(err error) {
	if err != nil {
		panic("saltokstest: that does not fit the world: " + err.Error())
	}
}
