package saltokstest

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
)

// restore replaces the state with a snapshot. If it fails, it changes nothing.
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

// restoring resolves the ids in a snapshot and collects those that do not
// exist.
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

// userOrNew is user for a reference that requires only the id.
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
