package saltokstest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// cloud is the mutable state of the simulator. Sim.mu guards all of it.
type cloud struct {
	users []*user
	sites []*site
	inbox []Message

	redirects []string
	sessions  map[string]*session // by login cookie
	consents  map[string][]string // the scopes each user id granted last
	codes     map[string]*authCode
	refresh   map[string]*refreshToken

	clientSecret  string
	tokenPath     string
	oldTokenPaths map[string]int // path to the status it is answered with

	hubs        map[string]*hubConn
	publish     func(*site, *entry)
	holdOffline bool // Switches.HoldOfflineEntries

	entrySeq int64
	idSeq    int
	drawn    int // number of secrets and PINs generated
}

type user struct{ User }

type site struct {
	Site
	loc     *time.Location
	members []*member
	iqs     []*iq
	locks   []*lock
	lockIdx map[string]*lock
	groups  []*group
	entries []entry
}

type member struct {
	id         string
	user       *user
	role       *role
	alias      string
	email      bool // has an account, not only a name
	remote     bool
	manual     bool
	easy       bool
	privacy    bool
	blocked    bool
	usePIN     bool
	suspended  bool
	expires    time.Time
	settled    time.Time // roles, PINs and groups work from this time on
	pin        string    // the keypad PIN
	pinExpires *time.Time
}

type iq struct {
	IQ
	loc             *time.Location
	restoreRequired bool
	resetAt         time.Time
	held            []entry           // logged while offline, with Switches.HoldOfflineEntries
	parents         map[string]string // lock id to parent id, from PUT tree
	activations     map[string]*activation
}

func (s *Sim) newCloud() *cloud {
	w, now := s.world, s.Now()
	c := &cloud{
		hubs: map[string]*hubConn{}, publish: s.publish, holdOffline: s.cfg.Switches.HoldOfflineEntries,
		redirects: []string{w.RedirectURI}, clientSecret: w.ClientSecret,
		tokenPath: tokenPath, oldTokenPaths: map[string]int{},
		sessions: map[string]*session{}, consents: map[string][]string{}, codes: map[string]*authCode{}, refresh: map[string]*refreshToken{},
	}
	for _, u := range w.Users {
		c.users = append(c.users, &user{u})
	}
	for _, s := range w.Sites {
		c.addSite(s, now)
	}
	return c
}

func (c *cloud) addSite(s Site, now time.Time) {
	loc, _ := zone(s.TimeZone)
	st := &site{Site: s, loc: loc, lockIdx: map[string]*lock{}}
	c.sites = append(c.sites, st)
	for _, m := range s.Members {
		c.addMember(st, m)
	}
	for _, q := range s.IQs {
		st.addIQ(q)
	}
	for _, l := range s.Locks {
		st.addLock(l, now)
	}
}

func (c *cloud) addMember(st *site, m Member) {
	st.members = append(st.members, &member{
		id: m.ID, user: c.userByEmail(m.User), role: roleByCode(m.Role), email: true,
		remote: *m.RemoteAccess, manual: *m.ManualOfficeMode, easy: *m.EasyOfficeMode, privacy: m.OverridePrivacy,
		suspended: st.subscribed() >= st.Seats,
	})
}

func (st *site) addIQ(q IQ) {
	loc, _ := zone(q.TimeZone)
	st.iqs = append(st.iqs, &iq{IQ: q, loc: loc, activations: map[string]*activation{}, parents: map[string]string{}})
}

func (st *site) addLock(l Lock, now time.Time) {
	ll := &lock{Lock: l, site: st, iq: st.iqByID(l.IQ), settledAt: now}
	st.locks = append(st.locks, ll)
	st.lockIdx[l.ID] = ll
}

func find[T any](list []T, is func(T) bool) T {
	var zero T
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return zero
}

func (c *cloud) userByEmail(email string) *user {
	return find(c.users, func(u *user) bool { return email != "" && strings.EqualFold(u.Email, email) })
}

func (c *cloud) userBySubject(sub string) *user {
	return find(c.users, func(u *user) bool { return u.Subject == sub })
}

func (c *cloud) siteByID(id string) *site {
	return find(c.sites, func(s *site) bool { return s.ID == id })
}

func (c *cloud) lockByID(id string) *lock {
	for _, s := range c.sites {
		if l := s.lockByID(id); l != nil {
			return l
		}
	}
	return nil
}

func (c *cloud) iqByID(id string) *iq {
	for _, s := range c.sites {
		if q := s.iqByID(id); q != nil {
			return q
		}
	}
	return nil
}

func (st *site) iqByID(id string) *iq { return find(st.iqs, func(q *iq) bool { return q.ID == id }) }

func (st *site) lockByID(id string) *lock { return st.lockIdx[id] }

func (st *site) memberOf(u *user) *member {
	return find(st.members, func(m *member) bool { return m.user == u })
}

func (st *site) memberByID(id string) *member {
	return find(st.members, func(m *member) bool { return m.id == id })
}

func (st *site) groupByID(id string) *group {
	return find(st.groups, func(g *group) bool { return g.id == id })
}

// subscribed counts the seats in use.
func (st *site) subscribed() int {
	n := 0
	for _, m := range st.members {
		if !m.suspended {
			n++
		}
	}
	return n
}

func (c *cloud) newID(kind string) string {
	c.idSeq++
	return id("new", kind, fmt.Sprint(c.idSeq))
}

// randomHex returns n random bytes as hex.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
