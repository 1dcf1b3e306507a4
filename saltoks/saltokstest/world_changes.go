package saltokstest

import (
	"fmt"
	"strings"
)

// AddUser adds a person with a SALTO account and returns it with its ids. The user is
// a member of no site until AddMember.
func (s *Sim) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Email == "" || s.cloud.userByEmail(u.Email) != nil {
		panic(fmt.Sprintf("saltokstest: a user requires an email that no other user has, not %q", u.Email))
	}
	u.fill()
	s.cloud.users = append(s.cloud.users, &user{u})
	s.world.Users = append(s.world.Users, u)
	return u
}

// AddSite adds a site and returns it with its ids. Its members must be users of the
// world; a site without members is visible to no user.
func (s *Sim) AddSite(st Site) Site {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	mustFit(st.fill(s.world.Users))
	if s.cloud.siteByID(st.ID) != nil {
		panic("saltokstest: the site " + st.Name + " already exists")
	}
	s.cloud.addSite(st, now)
	s.world.Sites = append(s.world.Sites, st)
	return st
}

// AddIQ adds an IQ to a site and returns it with its ids.
func (s *Sim) AddIQ(siteID string, q IQ) IQ {
	s.atSite(siteID, func(st *site, w *Site) {
		mustFit(q.fill(w))
		if st.iqByID(q.ID) != nil {
			panic("saltokstest: the IQ " + q.Name + " already exists")
		}
		st.addIQ(q)
		w.IQs = append(w.IQs, q)
	})
	return q
}

// AddLock adds a lock to a site and returns it with its ids.
func (s *Sim) AddLock(siteID string, l Lock) Lock {
	now := s.Now()
	s.atSite(siteID, func(st *site, w *Site) {
		mustFit(l.fill(w))
		if st.lockByID(l.ID) != nil {
			panic("saltokstest: the lock " + l.Name + " already exists")
		}
		st.addLock(l, now)
		w.Locks = append(w.Locks, l)
	})
	return l
}

// AddMember makes a user of the world a member of a site.
func (s *Sim) AddMember(siteID string, m Member) Member {
	s.atSite(siteID, func(st *site, w *Site) {
		u := s.cloud.userByEmail(m.User)
		if u == nil || st.memberOf(u) != nil {
			panic(fmt.Sprintf("saltokstest: %q is not a user of the world, or already a member", m.User))
		}
		mustFit(m.fill(siteID))
		s.cloud.addMember(st, m)
		w.Members = append(w.Members, m)
	})
	return m
}

// RemoveMember removes a user from a site: the user no longer sees the site, and the
// user's activations at its IQs end.
func (s *Sim) RemoveMember(siteID, email string) {
	s.atSite(siteID, func(st *site, w *Site) {
		if m := st.memberOf(s.cloud.userByEmail(email)); m != nil {
			st.remove(m)
		}
	})
}

// SetRemoteAccess grants or revokes a member's right to command locks remotely.
func (s *Sim) SetRemoteAccess(siteID, email string, may bool) {
	s.atSite(siteID, func(st *site, _ *Site) {
		m := st.memberOf(s.cloud.userByEmail(email))
		if m == nil {
			panic("saltokstest: there is no member " + email)
		}
		m.remote = may
	})
}

// SetReleased sets whether a site is released. Commands at a site that is not are
// refused with 400 and code 2210.
func (s *Sim) SetReleased(siteID string, released bool) {
	s.atSite(siteID, func(st *site, _ *Site) { st.Unreleased = !released })
}

// SetPaid sets whether a site has a valid subscription. Commands at a site without one
// are refused with 403 and code 2212.
func (s *Sim) SetPaid(siteID string, paid bool) {
	s.atSite(siteID, func(st *site, _ *Site) { st.Unpaid = !paid })
}

// AddRedirectURI registers another redirect URI of the client.
func (s *Sim) AddRedirectURI(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.redirects = append(s.cloud.redirects, uri)
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
	panic("saltokstest: there is no site " + siteID)
}

func (s *Sim) atIQ(iqID string, fn func(*iq)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.cloud.iqByID(strings.ToLower(iqID))
	if q == nil {
		panic("saltokstest: there is no IQ " + iqID)
	}
	fn(q)
}

func mustFit(err error) {
	if err != nil {
		panic("saltokstest: invalid change of the world: " + err.Error())
	}
}
