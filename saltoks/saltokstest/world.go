package saltokstest

import (
	"fmt"
	"strings"
)

// World is the content of the simulated cloud at the start and after a reset.
// Empty fields get a default; ids are derived from the names, so they are the
// same in every run. As JSON, it is the file that examples/simulator reads with
// -world. WIRE.md describes the objects.
type World struct {
	// ClientID, ClientSecret and RedirectURI are the registered OAuth client. It may
	// use the grants authorization_code, password and refresh_token.
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RedirectURI  string `json:"redirect_uri"`
	// PublicClient makes the OAuth client public: it has no secret and may not
	// use the password grant.
	PublicClient bool `json:"public_client,omitempty"`
	// PostLogoutRedirectURI is where the browser may be sent after a logout; empty is
	// the root of RedirectURI's host.
	PostLogoutRedirectURI string `json:"post_logout_redirect_uri,omitempty"`

	Users []User `json:"users"`
	Sites []Site `json:"sites"`
}

// User is a person with a SALTO account.
type User struct {
	// ID is the platform user id, Subject the OpenID Connect "sub". They differ.
	ID        string `json:"id"`
	Subject   string `json:"subject"`
	Email     string `json:"email"`
	Password  string `json:"password"`
	Phone     string `json:"phone"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Language  string `json:"language"`
	// Tag is the number printed on the user's fob; "" means no fob.
	Tag string `json:"tag,omitempty"`
}

// Site is a SALTO KS site with its IQs and locks.
type Site struct {
	ID string `json:"id"`
	// UID is the printed site UID: two letters and ten digits.
	UID      string `json:"site_uid"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
	Country  string `json:"country_code"`
	// Seats is the number of site users that the plan includes; 0 is 10.
	Seats int `json:"seats"`
	// Features are the features of the plan; nil is a usual set.
	Features []string `json:"features,omitempty"`
	// Unreleased refuses commands with 400 and code 2210.
	Unreleased bool `json:"unreleased,omitempty"`
	// Unpaid refuses commands with 403 and code 2212.
	Unpaid bool `json:"unpaid,omitempty"`
	// Members are the site's users. In a World, no members means that every user of the
	// world is a site administrator with remote access.
	Members []Member `json:"members,omitempty"`
	IQs     []IQ     `json:"iqs"`
	Locks   []Lock   `json:"locks"`
}

// Member is a user's membership of a site.
type Member struct {
	// ID is the site-user id, which is not the user's id.
	ID string `json:"id"`
	// User is the email of a user of the world.
	User string `json:"user"`
	// Role is a role code: "site_admin" (the default), "site_owner",
	// "site_super_user", "site_user" and so on.
	Role string `json:"role"`
	// RemoteAccess and ManualOfficeMode are the rights to command locks and office mode
	// remotely; nil is true.
	RemoteAccess     *bool `json:"remote_access,omitempty"`
	ManualOfficeMode *bool `json:"toggle_manual_office_mode,omitempty"`
	// EasyOfficeMode is the right to toggle office mode with a fob while the
	// lock's schedule runs; nil is true.
	EasyOfficeMode *bool `json:"toggle_easy_office_mode,omitempty"`
	// OverridePrivacy is the right to open a lock in privacy mode.
	OverridePrivacy bool `json:"override_privacy_mode,omitempty"`
}

// IQ is a gateway.
type IQ struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	MAC      string `json:"mac"`
	TimeZone string `json:"time_zone"`
	// WithoutOTP is an IQ whose commands require no code: otp_enabled is false.
	WithoutOTP bool `json:"without_otp,omitempty"`
	Offline    bool `json:"offline,omitempty"`
}

// Lock is a lock.
type Lock struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	MAC  string `json:"mac"`
	// IQ is the id or the name of an IQ of the same site. "" is the first one, "none" is
	// a detached lock.
	IQ string `json:"iq"`
	// OpenSeconds is how long a remote opening lasts, 1 to 240; 0 is 7.
	OpenSeconds int `json:"open_seconds"`
	// Type is lock_type; "" is "wall_reader_pin".
	Type string `json:"lock_type"`
	// Battery is battery_level; "" is "fresh".
	Battery  string    `json:"battery_level"`
	Offline  bool      `json:"offline,omitempty"`
	Privacy  bool      `json:"privacy_mode,omitempty"`
	LeftOpen bool      `json:"left_open_alarm,omitempty"`
	Forced   bool      `json:"intrusion_alarm,omitempty"`
	Schedule *Schedule `json:"easy_office_mode_schedule,omitempty"`
}

// Schedule is a lock's easy office mode schedule, in the time zone of the lock's IQ. Its
// end locks the door. Its start unlocks the door only with AutoStart.
type Schedule struct {
	AutoStart bool   `json:"eom_auto_start"`
	Monday    bool   `json:"monday"`
	Tuesday   bool   `json:"tuesday"`
	Wednesday bool   `json:"wednesday"`
	Thursday  bool   `json:"thursday"`
	Friday    bool   `json:"friday"`
	Saturday  bool   `json:"saturday"`
	Sunday    bool   `json:"sunday"`
	StartTime string `json:"start_time"` // HH:MM:SS
	EndTime   string `json:"end_time"`   // HH:MM:SS
	// StartDate and EndDate are its first and last day (YYYY-MM-DD); nil is no limit.
	StartDate *string `json:"start_date"`
	EndDate   *string `json:"end_date"`
}

// DefaultWorld returns the built-in world: one site in Amsterdam, two IQs, four locks, one
// site administrator with a mailbox and a phone.
func DefaultWorld() World {
	return World{
		ClientID:     "harbour-doors",
		ClientSecret: "Vq7tN2mKx9wLr4Ds",
		RedirectURI:  "http://127.0.0.1:8078/salto/callback",
		Users: []User{{
			Email: "doors@harbour.example", Password: "Kettle-Harbour-58", Phone: "+31200000042",
			FirstName: "Harbour", LastName: "Doors", Language: "nl-NL", Tag: "00418627",
		}},
		Sites: []Site{{
			UID: "NL0417263859", Name: "Harbour House", TimeZone: "Europe/Amsterdam", Country: "NL", Seats: 10,
			IQs: []IQ{{Name: "IQ Ground Floor"}, {Name: "IQ First Floor"}},
			Locks: []Lock{
				{Name: "Main Entrance", IQ: "IQ Ground Floor"},
				{Name: "Office Four", IQ: "IQ First Floor"},
				{Name: "Meeting Room", IQ: "IQ First Floor"},
				{Name: "Bicycle Store", IQ: "IQ Ground Floor", Type: "escutcheon_pin"},
			},
		}},
	}
}

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
