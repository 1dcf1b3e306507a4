package saltokstest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// World is what the simulated cloud holds at the start, and what POST reset
// returns to. Everything left empty gets a sensible value: ids are made from
// the names, so they are the same on every run. In JSON it is what
// examples/simulator reads with -world.
type World struct {
	// ClientID, ClientSecret and RedirectURI are the one registered OAuth
	// client. It may use the authorization code, password and refresh grants.
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RedirectURI  string `json:"redirect_uri"`
	Users        []User `json:"users"`
	Sites        []Site `json:"sites"`
}

// User is a person with a SALTO account.
type User struct {
	// ID is the platform user id; Subject the OIDC "sub". They differ
	// (WIRE.md 1.2, measured).
	ID        string `json:"id"`
	Subject   string `json:"subject"`
	Email     string `json:"email"`
	Password  string `json:"password"`
	Phone     string `json:"phone"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Language  string `json:"language"`
	// Tag is the number printed on the user's fob; empty for none.
	Tag string `json:"tag,omitempty"`
}

// Site is one SALTO KS site. IQs and locks without a site of their own would
// not be reachable, so they live inside it.
type Site struct {
	ID string `json:"id"`
	// UID is the printed site UID: two letters and ten digits.
	UID      string `json:"site_uid"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
	Country  string `json:"country_code"`
	// Seats is how many site users the plan pays for.
	Seats int `json:"seats"`
	// Features of the plan; nil means the usual ones (WIRE.md 2.2).
	Features []string `json:"features,omitempty"`
	// Unreleased makes the site inoperable: commands are answered 400/2210.
	Unreleased bool `json:"unreleased,omitempty"`
	// Unpaid ends the subscription: commands are answered 403/2212.
	Unpaid bool `json:"unpaid,omitempty"`
	// Members is who belongs here. Left empty in a World, every user of the
	// world is a site admin with remote access.
	Members []Member `json:"members,omitempty"`
	IQs     []IQ     `json:"iqs"`
	Locks   []Lock   `json:"locks"`
}

// Member is a user's place on one site.
type Member struct {
	// ID is the site-user id, which is not the user's id (WIRE.md 2.0).
	ID string `json:"id"`
	// User is the e-mail of a user of the world.
	User string `json:"user"`
	// Role is a role code: "site_admin" (the default), "site_owner",
	// "site_super_user", "site_user" and so on.
	Role string `json:"role"`
	// RemoteAccess and ManualOfficeMode are the rights to open from afar and to
	// switch office mode from afar; nil is true.
	RemoteAccess     *bool `json:"remote_access,omitempty"`
	ManualOfficeMode *bool `json:"toggle_manual_office_mode,omitempty"`
	// EasyOfficeMode is the right to toggle office mode with a fob while the
	// lock's schedule runs; nil is true.
	EasyOfficeMode *bool `json:"toggle_easy_office_mode,omitempty"`
	// OverridePrivacy opens a lock in privacy mode.
	OverridePrivacy bool `json:"override_privacy_mode,omitempty"`
}

// IQ is a gateway.
type IQ struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	MAC      string `json:"mac"`
	TimeZone string `json:"time_zone"`
	// WithoutOTP makes an IQ that wants no code (otp_enabled false).
	WithoutOTP bool `json:"without_otp,omitempty"`
	Offline    bool `json:"offline,omitempty"`
}

// Lock is one lock.
type Lock struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	MAC  string `json:"mac"`
	// IQ is the id or the name of an IQ of the same site; empty takes the first,
	// "none" makes a detached lock.
	IQ string `json:"iq"`
	// OpenSeconds is how long a remote opening lasts; 0 is 7 (WIRE.md 2.5: 1 to
	// 240).
	OpenSeconds int `json:"open_seconds"`
	// Type is lock_type, "wall_reader_pin" when empty.
	Type string `json:"lock_type"`
	// Battery is battery_level, "fresh" when empty.
	Battery  string    `json:"battery_level"`
	Offline  bool      `json:"offline,omitempty"`
	Privacy  bool      `json:"privacy_mode,omitempty"`
	Schedule *Schedule `json:"easy_office_mode_schedule,omitempty"`
}

// Schedule is a lock's easy office mode schedule, in the zone of the lock's
// IQ. When it ends, the lock locks; it unlocks nothing, unless AutoStart.
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
	// StartDate and EndDate bound it (YYYY-MM-DD, both inclusive); nil for none.
	StartDate *string `json:"start_date"`
	EndDate   *string `json:"end_date"`
}

// DefaultWorld is the built-in world: one site in Amsterdam, two IQs, four
// locks, one site admin with a mailbox and a phone.
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

// id makes a lower-case UUID out of words: the same words, the same id.
func id(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// fill gives every empty field its value and reports every fault at once.
func (w *World) fill() error {
	def := DefaultWorld()
	orDefault(&w.ClientID, def.ClientID)
	orDefault(&w.ClientSecret, def.ClientSecret)
	orDefault(&w.RedirectURI, def.RedirectURI)
	if w.Users == nil {
		w.Users = def.Users
	}
	if w.Sites == nil {
		w.Sites = def.Sites
	}
	w.Users = append([]User(nil), w.Users...)
	w.Sites = append([]Site(nil), w.Sites...)
	var faults []error
	seen := map[string]bool{}
	named := func(kind, name, id string) {
		if !isUUID(id) {
			faults = append(faults, fmt.Errorf("%s %q: id %q is not a UUID in lower case", kind, name, id))
		}
	}
	unique := func(kind, key string) {
		if seen[kind+key] {
			faults = append(faults, fmt.Errorf("%s %q is there twice", kind, key))
		}
		seen[kind+key] = true
	}
	for i := range w.Users {
		w.Users[i].fill()
		named("user", w.Users[i].Email, w.Users[i].ID)
		unique("user", w.Users[i].Email)
		unique("user id", w.Users[i].ID)
		unique("subject", w.Users[i].Subject)
		if w.Users[i].Email == "" {
			faults = append(faults, fmt.Errorf("user %d has no email", i))
		}
	}
	for i := range w.Sites {
		s := &w.Sites[i]
		if len(s.Members) == 0 {
			for _, u := range w.Users {
				s.Members = append(s.Members, Member{User: u.Email})
			}
		}
		faults = append(faults, s.fill(w.Users))
		named("site", s.Name, s.ID)
		unique("site", s.ID)
		for _, m := range s.Members {
			named("member", m.User, m.ID)
			unique("member", m.ID)
		}
		for _, q := range s.IQs {
			named("iq", q.Name, q.ID)
			unique("iq", q.ID)
		}
		for _, l := range s.Locks {
			named("lock", l.Name, l.ID)
			unique("lock", l.ID)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("saltokstest: the world does not hold together:\n%w", err)
	}
	return nil
}

func (u *User) fill() {
	orDefault(&u.ID, id("user", u.Email))
	orDefault(&u.Subject, id("subject", u.Email))
	orDefault(&u.Password, "Password-"+id("password", u.Email)[:8])
	orDefault(&u.FirstName, strings.Split(u.Email, "@")[0])
	orDefault(&u.LastName, "Example")
	orDefault(&u.Language, "en-GB")
}

func (s *Site) fill(users []User) error {
	orDefault(&s.Name, "Site")
	orDefault(&s.ID, id("site", s.Name, s.UID))
	orDefault(&s.Country, "NL")
	orDefault(&s.UID, s.Country+digitsOf(s.ID, 10))
	orDefault(&s.TimeZone, "Europe/Amsterdam")
	orDefault(&s.Seats, 10)
	if s.Features == nil {
		s.Features = []string{"activity_log", "events_storage", "events_streaming", "nfc"}
	}
	var faults []error
	if _, err := zone(s.TimeZone); err != nil {
		faults = append(faults, fmt.Errorf("site %q: %w", s.Name, err))
	}
	s.Members = append([]Member(nil), s.Members...)
	s.IQs = append([]IQ(nil), s.IQs...)
	s.Locks = append([]Lock(nil), s.Locks...)
	for i := range s.Members {
		m := &s.Members[i]
		if !hasUser(users, m.User) {
			faults = append(faults, fmt.Errorf("site %q: member %q is no user of the world", s.Name, m.User))
		}
		faults = append(faults, m.fill(s.ID))
	}
	for i := range s.IQs {
		faults = append(faults, s.IQs[i].fill(s))
	}
	for i := range s.Locks {
		faults = append(faults, s.Locks[i].fill(s))
	}
	return errors.Join(faults...)
}

func (m *Member) fill(site string) error {
	orDefault(&m.ID, id("member", site, m.User))
	orDefault(&m.Role, "site_admin")
	if roleByCode(m.Role) == nil {
		return fmt.Errorf("member %q: no role %q", m.User, m.Role)
	}
	for _, p := range []**bool{&m.RemoteAccess, &m.ManualOfficeMode, &m.EasyOfficeMode} {
		if *p == nil {
			*p = new(true)
		}
	}
	return nil
}

func (q *IQ) fill(s *Site) error {
	orDefault(&q.Name, "IQ")
	orDefault(&q.ID, id("iq", s.ID, q.Name))
	hexa := hexOf(q.ID)
	orDefault(&q.MAC, hexa[0:2]+"."+hexa[2:4]+"."+hexa[4:6])
	orDefault(&q.TimeZone, s.TimeZone)
	if _, err := zone(q.TimeZone); err != nil {
		return fmt.Errorf("iq %q: %w", q.Name, err)
	}
	return nil
}

func (l *Lock) fill(s *Site) error {
	orDefault(&l.Name, "Lock")
	orDefault(&l.ID, id("lock", s.ID, l.Name))
	orDefault(&l.MAC, "0163"+hexOf(l.ID)[:10])
	orDefault(&l.OpenSeconds, 7)
	orDefault(&l.Type, "wall_reader_pin")
	orDefault(&l.Battery, "fresh")
	if l.OpenSeconds < 1 || l.OpenSeconds > 240 {
		return fmt.Errorf("lock %q: open_seconds is 1 to 240, not %d", l.Name, l.OpenSeconds)
	}
	if l.Schedule != nil {
		if err := l.Schedule.check(); err != nil {
			return fmt.Errorf("lock %q: %w", l.Name, err)
		}
	}
	if l.IQ == "none" {
		return nil
	}
	if l.IQ == "" && len(s.IQs) > 0 {
		l.IQ = s.IQs[0].ID
	}
	for _, q := range s.IQs {
		if l.IQ == q.ID || l.IQ == q.Name {
			l.IQ = q.ID
			return nil
		}
	}
	return fmt.Errorf("lock %q: no IQ %q on site %q", l.Name, l.IQ, s.Name)
}

// hexOf returns the digits of a UUID; of any other id, which is a fault of the
// world, something as long.
func hexOf(s string) string {
	if !isUUID(s) {
		s = id(s)
	}
	return strings.ToUpper(strings.ReplaceAll(s, "-", ""))
}

// isUUID reports whether s is an id as the API writes them (WIRE.md 5).
func isUUID(s string) bool { return looksLikeUUID(s) && s == strings.ToLower(s) }

func hasUser(users []User, email string) bool {
	for _, u := range users {
		if u.Email == email {
			return true
		}
	}
	return false
}

func digitsOf(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	out := make([]byte, n)
	for i := range out {
		out[i] = '0' + sum[i]%10
	}
	return string(out)
}

func zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("time zone %q is not an IANA name", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is not an IANA name", name)
	}
	return loc, nil
}
