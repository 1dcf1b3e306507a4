package saltokstest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// fill sets the defaults of all empty fields and reports every fault in one error.
func (w *World) fill() error {
	def := DefaultWorld()
	orDefault(&w.ClientID, def.ClientID)
	if !w.PublicClient {
		orDefault(&w.ClientSecret, def.ClientSecret)
	}
	orDefault(&w.RedirectURI, def.RedirectURI)
	orDefault(&w.PostLogoutRedirectURI, originOf(w.RedirectURI)+"/")
	if w.Users == nil {
		w.Users = def.Users
	}
	if w.Sites == nil {
		w.Sites = def.Sites
	}
	w.Users = append([]User(nil), w.Users...)
	w.Sites = append([]Site(nil), w.Sites...)
	var faults []error
	if w.PublicClient && w.ClientSecret != "" {
		faults = append(faults, errors.New("public_client and client_secret: a public client has no secret"))
	}
	seen := map[string]bool{}
	named := func(kind, name, id string) {
		if !isUUID(id) {
			faults = append(faults, fmt.Errorf("%s %q: id %q is not a UUID in lower case", kind, name, id))
		}
	}
	unique := func(kind, key string) {
		if seen[kind+key] {
			faults = append(faults, fmt.Errorf("%s %q is used twice", kind, key))
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
		return fmt.Errorf("saltokstest: the world is not valid:\n%w", err)
	}
	return nil
}

// originOf returns the scheme and host of a URL, or the text itself.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	return u.Scheme + "://" + u.Host
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
			faults = append(faults, fmt.Errorf("site %q: member %q is not a user of the world", s.Name, m.User))
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
		return fmt.Errorf("lock %q: open_seconds must be 1 to 240, not %d", l.Name, l.OpenSeconds)
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

// clone returns a deep copy.
func (w World) clone() World {
	w.Users = slices.Clone(w.Users)
	w.Sites = slices.Clone(w.Sites)
	for i := range w.Sites {
		s := &w.Sites[i]
		s.Features = slices.Clone(s.Features)
		s.Members = slices.Clone(s.Members)
		s.IQs = slices.Clone(s.IQs)
		s.Locks = slices.Clone(s.Locks)
		for j := range s.Members {
			m := &s.Members[j]
			m.RemoteAccess, m.ManualOfficeMode, m.EasyOfficeMode = cloned(m.RemoteAccess), cloned(m.ManualOfficeMode), cloned(m.EasyOfficeMode)
		}
		for j := range s.Locks {
			s.Locks[j].Schedule = s.Locks[j].Schedule.clone()
		}
	}
	return w
}

func (s *Schedule) clone() *Schedule {
	if s = cloned(s); s != nil {
		s.StartDate, s.EndDate = cloned(s.StartDate), cloned(s.EndDate)
	}
	return s
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func hasUser(users []User, email string) bool {
	for _, u := range users {
		if u.Email == email {
			return true
		}
	}
	return false
}

// id derives a lower-case UUID from words; the same words always result in the
// same id.
func id(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}

func digitsOf(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	out := make([]byte, n)
	for i := range out {
		out[i] = '0' + sum[i]%10
	}
	return string(out)
}

// hexOf returns the hexadecimal digits of a UUID. For any other id, which fill
// reports as a fault, it returns the same number of digits.
func hexOf(s string) string {
	if !isUUID(s) {
		s = id(s)
	}
	return strings.ToUpper(strings.ReplaceAll(s, "-", ""))
}

// isUUID reports whether s is an id as the API writes them.
func isUUID(s string) bool { return looksLikeUUID(s) && s == strings.ToLower(s) }

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
