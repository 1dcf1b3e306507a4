package saltokstest

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// snapshotVersion changes when a snapshot of an older simulator can no longer be read.
const snapshotVersion = 1

// snapshot is the state of a simulator in a file. Objects refer to each other by id.
type snapshot struct {
	Version     int           `json:"version"`
	ClockOffset time.Duration `json:"clock_offset"`
	Keys        [][]byte      `json:"keys"`  // PKCS #8
	Start       World         `json:"start"` // what a reset returns to
	World       World         `json:"world"`

	Users     []User                     `json:"users"`
	Sites     []siteSnapshot             `json:"sites"`
	Inbox     []Message                  `json:"inbox"`
	Redirects []string                   `json:"redirects"`
	Sessions  map[string]sessionSnapshot `json:"sessions"`
	Consents  map[string][]string        `json:"consents"`
	Families  []familySnapshot           `json:"families"`

	ClientSecret  string         `json:"client_secret"`
	TokenPath     string         `json:"token_path"`
	OldTokenPaths map[string]int `json:"old_token_paths"`
	EntrySeq      int64          `json:"entry_seq"`
	IDSeq         int            `json:"id_seq"`
	Drawn         int            `json:"drawn"`
}

type sessionSnapshot struct {
	User     string    `json:"user"`
	LoggedIn time.Time `json:"logged_in"`
}

type familySnapshot struct {
	User     string               `json:"user"`
	Scope    []string             `json:"scope"`
	AuthTime time.Time            `json:"auth_time"`
	Expires  time.Time            `json:"expires"`
	Dead     bool                 `json:"dead"`
	Tokens   map[string]time.Time `json:"tokens"` // refresh token to the time of its rotation
}

type siteSnapshot struct {
	Site    Site             `json:"site"`
	Members []memberSnapshot `json:"members"`
	IQs     []iqSnapshot     `json:"iqs"`
	Locks   []lockSnapshot   `json:"locks"`
	Groups  []groupSnapshot  `json:"groups"`
	Entries []entrySnapshot  `json:"entries"`
}

type memberSnapshot struct {
	ID         string     `json:"id"`
	User       string     `json:"user"`
	Role       string     `json:"role"`
	Alias      string     `json:"alias,omitempty"`
	Email      bool       `json:"email,omitempty"`
	Remote     bool       `json:"remote,omitempty"`
	Manual     bool       `json:"manual,omitempty"`
	Easy       bool       `json:"easy,omitempty"`
	Privacy    bool       `json:"privacy,omitempty"`
	Blocked    bool       `json:"blocked,omitempty"`
	UsePIN     bool       `json:"use_pin,omitempty"`
	Suspended  bool       `json:"suspended,omitempty"`
	Expires    time.Time  `json:"expires,omitzero"`
	Settled    time.Time  `json:"settled,omitzero"`
	PIN        string     `json:"pin,omitempty"`
	PINExpires *time.Time `json:"pin_expires,omitempty"`
}

type iqSnapshot struct {
	IQ              IQ                            `json:"iq"`
	RestoreRequired bool                          `json:"restore_required,omitempty"`
	ResetAt         time.Time                     `json:"reset_at,omitzero"`
	Held            []entrySnapshot               `json:"held,omitempty"`
	Parents         map[string]string             `json:"parents,omitempty"`
	Activations     map[string]activationSnapshot `json:"activations,omitempty"` // by user id
}

type activationSnapshot struct {
	Secret    string                   `json:"secret,omitempty"`
	HandedOut bool                     `json:"handed_out,omitempty"`
	PIN       string                   `json:"pin,omitempty"`
	IQPIN     string                   `json:"iq_pin,omitempty"`
	Activated bool                     `json:"activated,omitempty"`
	At        time.Time                `json:"at,omitzero"`
	Used      map[string]time.Time     `json:"used,omitempty"`
	Fails     map[string]failsSnapshot `json:"fails,omitempty"`
}

type failsSnapshot struct {
	N     int       `json:"n"`
	Until time.Time `json:"until,omitzero"`
}

type lockSnapshot struct {
	Lock        Lock          `json:"lock"`
	Office      bool          `json:"office,omitempty"`
	OpenUntil   time.Time     `json:"open_until,omitzero"`
	Movements   int           `json:"movements,omitempty"`
	SettledAt   time.Time     `json:"settled_at"`
	ClockOffset time.Duration `json:"clock_offset,omitempty"`
}

type groupSnapshot struct {
	ID        string             `json:"id"`
	Name      string             `json:"name"`
	Members   []string           `json:"members"`
	Locks     []string           `json:"locks"`
	Schedules []scheduleSnapshot `json:"schedules"`
}

type scheduleSnapshot struct {
	ID       string   `json:"id"`
	Schedule Schedule `json:"schedule"`
}

type entrySnapshot struct {
	Seq      int64     `json:"seq"`
	Category string    `json:"category"`
	Detail   string    `json:"detail,omitempty"`
	At       time.Time `json:"at"`
	Stored   time.Time `json:"stored"`
	Lock     string    `json:"lock"`
	LockName string    `json:"lock_name"`
	User     string    `json:"user,omitempty"`
	UserID   string    `json:"user_id,omitempty"`
	By       string    `json:"by,omitempty"`
	ByDetail *string   `json:"by_detail,omitempty"`
	Exit     bool      `json:"exit,omitempty"`
}

// snapshot returns the state. Sim.mu is locked, and the result shares memory with it.
func (s *Sim) snapshot() (*snapshot, error) {
	c := s.cloud
	snap := &snapshot{
		Version: snapshotVersion, ClockOffset: s.clock.advanced(), Start: s.cfg.World, World: s.world,
		Inbox: c.inbox, Redirects: c.redirects, Consents: c.consents, Sessions: map[string]sessionSnapshot{},
		ClientSecret: c.clientSecret, TokenPath: c.tokenPath, OldTokenPaths: c.oldTokenPaths,
		EntrySeq: c.entrySeq, IDSeq: c.idSeq, Drawn: c.drawn,
	}
	for _, k := range s.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return nil, err
		}
		snap.Keys = append(snap.Keys, der)
	}
	for _, u := range c.users {
		snap.Users = append(snap.Users, u.User)
	}
	for cookie, x := range c.sessions {
		snap.Sessions[cookie] = sessionSnapshot{x.user.ID, x.loggedIn}
	}
	snap.Families = c.saveFamilies()
	for _, st := range c.sites {
		snap.Sites = append(snap.Sites, st.save())
	}
	return snap, nil
}

func (c *cloud) saveFamilies() []familySnapshot {
	index := map[*family]int{}
	var list []familySnapshot
	for _, token := range slices.Sorted(maps.Keys(c.refresh)) {
		t := c.refresh[token]
		i, ok := index[t.family]
		if !ok {
			f := t.family
			i = len(list)
			index[f] = i
			list = append(list, familySnapshot{f.user.ID, f.scope, f.authTime, f.expires, f.dead, map[string]time.Time{}})
		}
		list[i].Tokens[token] = t.rotatedAt
	}
	return list
}

func (st *site) save() siteSnapshot {
	out := siteSnapshot{Site: st.Site}
	out.Site.Members, out.Site.IQs, out.Site.Locks = nil, nil, nil
	for _, m := range st.members {
		out.Members = append(out.Members, memberSnapshot{
			m.id, m.user.ID, m.role.code, m.alias, m.email, m.remote, m.manual, m.easy, m.privacy, m.blocked, m.usePIN, m.suspended,
			m.expires, m.settled, m.pin, m.pinExpires,
		})
	}
	for _, q := range st.iqs {
		out.IQs = append(out.IQs, q.save())
	}
	for _, l := range st.locks {
		out.Locks = append(out.Locks, lockSnapshot{l.Lock, l.office, l.openUntil, l.movements, l.settledAt, l.clockOffset})
	}
	for _, g := range st.groups {
		x := groupSnapshot{ID: g.id, Name: g.name}
		for _, m := range g.members {
			x.Members = append(x.Members, m.id)
		}
		for _, l := range g.locks {
			x.Locks = append(x.Locks, l.ID)
		}
		for _, gs := range g.schedules {
			x.Schedules = append(x.Schedules, scheduleSnapshot{gs.id, gs.Schedule})
		}
		out.Groups = append(out.Groups, x)
	}
	out.Entries = saveEntries(st.entries)
	return out
}

func (q *iq) save() iqSnapshot {
	out := iqSnapshot{
		IQ: q.IQ, RestoreRequired: q.restoreRequired, ResetAt: q.resetAt, Held: saveEntries(q.held), Parents: q.parents,
		Activations: map[string]activationSnapshot{},
	}
	for userID, a := range q.activations {
		x := activationSnapshot{a.secret, a.handedOut, a.pin, a.iqPIN, a.activated, a.at, a.used, map[string]failsSnapshot{}}
		for command, f := range a.fails {
			x.Fails[command] = failsSnapshot{f.n, f.until}
		}
		out.Activations[userID] = x
	}
	return out
}

func saveEntries(list []entry) []entrySnapshot {
	var out []entrySnapshot
	for _, e := range list {
		x := entrySnapshot{
			e.seq, e.category, e.detail, e.at, e.stored, e.lock.ID, e.lockName, "", e.userID, e.by, e.byDetail, e.exit,
		}
		if e.user != nil {
			x.User = e.user.ID
		}
		out = append(out, x)
	}
	return out
}

// restore replaces the state by a snapshot. It changes nothing when it fails.
func (s *Sim) restore(snap *snapshot) error {
	if snap.Version != snapshotVersion {
		return fmt.Errorf("version %d, this simulator reads version %d", snap.Version, snapshotVersion)
	}
	var keys []*rsa.PrivateKey
	for _, der := range snap.Keys {
		k, err := x509.ParsePKCS8PrivateKey(der)
		key, ok := k.(*rsa.PrivateKey)
		if err != nil || !ok {
			return errors.Join(errors.New("a signing key is not an RSA key"), err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return errors.New("there is no signing key")
	}
	start, world := snap.Start, snap.World
	if err := errors.Join(start.fill(), world.fill()); err != nil {
		return err
	}
	r := &restoring{users: map[string]*user{}}
	c := s.newCloud()
	c.users, c.sites, c.inbox, c.redirects = nil, nil, snap.Inbox, snap.Redirects
	maps.Copy(c.consents, snap.Consents)
	maps.Copy(c.oldTokenPaths, snap.OldTokenPaths)
	c.clientSecret, c.tokenPath = snap.ClientSecret, snap.TokenPath
	c.entrySeq, c.idSeq, c.drawn = snap.EntrySeq, snap.IDSeq, snap.Drawn
	for _, u := range snap.Users {
		x := &user{u}
		r.users[u.ID] = x
		c.users = append(c.users, x)
	}
	for cookie, x := range snap.Sessions {
		c.sessions[cookie] = &session{r.user(x.User), x.LoggedIn}
	}
	for _, f := range snap.Families {
		fam := &family{r.user(f.User), f.Scope, f.AuthTime, f.Expires, f.Dead}
		for token, rotated := range f.Tokens {
			c.refresh[token] = &refreshToken{fam, rotated}
		}
	}
	for _, st := range snap.Sites {
		c.sites = append(c.sites, r.site(st))
	}
	if err := errors.Join(r.faults...); err != nil {
		return err
	}
	s.clock.Advance(snap.ClockOffset - s.clock.advanced())
	s.cfg.World, s.world, s.cloud, s.keys = start, world, c, keys
	return nil
}

// restoring resolves the ids of a snapshot and collects those that lead nowhere.
type restoring struct {
	users  map[string]*user
	faults []error
}

func (r *restoring) missing(kind, id string) {
	r.faults = append(r.faults, fmt.Errorf("there is no %s %q", kind, id))
}

func (r *restoring) user(id string) *user {
	u := r.users[id]
	if u == nil {
		r.missing("user", id)
	}
	return u
}

func (r *restoring) site(snap siteSnapshot) *site {
	loc, err := zone(snap.Site.TimeZone)
	if err != nil {
		r.faults = append(r.faults, err)
	}
	st := &site{Site: snap.Site, loc: loc, lockIdx: map[string]*lock{}}
	for _, m := range snap.Members {
		role := roleByCode(m.Role)
		if role == nil {
			r.missing("role", m.Role)
		}
		st.members = append(st.members, &member{
			m.ID, r.user(m.User), role, m.Alias, m.Email, m.Remote, m.Manual, m.Easy, m.Privacy, m.Blocked, m.UsePIN, m.Suspended,
			m.Expires, m.Settled, m.PIN, m.PINExpires,
		})
	}
	for _, q := range snap.IQs {
		st.iqs = append(st.iqs, r.iq(q))
	}
	for _, l := range snap.Locks {
		x := &lock{
			Lock: l.Lock, site: st, iq: st.iqByID(l.Lock.IQ), office: l.Office, openUntil: l.OpenUntil,
			movements: l.Movements, settledAt: l.SettledAt, clockOffset: l.ClockOffset,
		}
		st.locks = append(st.locks, x)
		st.lockIdx[x.ID] = x
	}
	for i, q := range snap.IQs {
		st.iqs[i].held = r.entries(st, q.Held)
	}
	for _, g := range snap.Groups {
		st.groups = append(st.groups, r.group(st, g))
	}
	st.entries = r.entries(st, snap.Entries)
	return st
}

func (r *restoring) iq(snap iqSnapshot) *iq {
	loc, err := zone(snap.IQ.TimeZone)
	if err != nil {
		r.faults = append(r.faults, err)
	}
	q := &iq{
		IQ: snap.IQ, loc: loc, restoreRequired: snap.RestoreRequired, resetAt: snap.ResetAt,
		parents: map[string]string{}, activations: map[string]*activation{},
	}
	maps.Copy(q.parents, snap.Parents)
	for userID, a := range snap.Activations {
		x := q.record(r.userOrNew(userID))
		x.secret, x.handedOut, x.pin, x.iqPIN, x.activated, x.at = a.Secret, a.HandedOut, a.PIN, a.IQPIN, a.Activated, a.At
		maps.Copy(x.used, a.Used)
		for command, f := range a.Fails {
			x.fails[command] = &fails{f.N, f.Until}
		}
	}
	return q
}

// userOrNew is user for a reference that needs only the id.
func (r *restoring) userOrNew(id string) *user {
	if u := r.user(id); u != nil {
		return u
	}
	return &user{User{ID: id}}
}

func (r *restoring) group(st *site, snap groupSnapshot) *group {
	g := &group{id: snap.ID, name: snap.Name}
	for _, id := range snap.Members {
		if m := st.memberByID(id); m != nil {
			g.members = append(g.members, m)
		} else {
			r.missing("member", id)
		}
	}
	for _, id := range snap.Locks {
		if l := st.lockByID(id); l != nil {
			g.locks = append(g.locks, l)
		} else {
			r.missing("lock", id)
		}
	}
	for _, x := range snap.Schedules {
		g.schedules = append(g.schedules, &groupSchedule{x.ID, x.Schedule})
	}
	return g
}

func (r *restoring) entries(st *site, list []entrySnapshot) []entry {
	var out []entry
	for _, e := range list {
		x := entry{
			seq: e.Seq, category: e.Category, detail: e.Detail, at: e.At, stored: e.Stored, lock: st.lockByID(e.Lock), lockName: e.LockName,
			userID: e.UserID, by: e.By, byDetail: e.ByDetail, exit: e.Exit,
		}
		if x.lock == nil {
			r.missing("lock", e.Lock)
		}
		if e.User != "" {
			x.user = r.user(e.User)
		}
		out = append(out, x)
	}
	return out
}
