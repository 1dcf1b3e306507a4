package saltokstest

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
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
	Start       World         `json:"start"` // the world that a reset restores
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
