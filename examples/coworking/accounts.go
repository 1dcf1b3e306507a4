package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// accounts reads and writes the platform's own table, which is in the same database as those
// of doorkit.
type accounts struct {
	db         *sql.DB
	iterations int // of PBKDF2
}

// account is a person who can log in.
type account struct {
	Email, Name string
	Member      string // the member the account belongs to
	Manager     bool
}

func (a accounts) create(ctx context.Context) error {
	_, err := a.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS app_accounts (email TEXT PRIMARY KEY, name TEXT NOT NULL,
		member TEXT NOT NULL UNIQUE, manager BOOLEAN NOT NULL, salt TEXT NOT NULL, hash TEXT NOT NULL)`)
	return err
}

// add creates an account. It returns false if there is one with the email address.
func (a accounts) add(ctx context.Context, acc account, password string) (added bool, err error) {
	salt := rand.Text()
	hash, err := a.hash(password, salt)
	if err != nil {
		return false, err
	}
	result, err := a.db.ExecContext(ctx, `INSERT INTO app_accounts (email, name, member, manager, salt, hash)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING`, acc.Email, acc.Name, acc.Member, acc.Manager, salt, hash)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (a accounts) remove(ctx context.Context, email string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM app_accounts WHERE email = $1`, email)
	return err
}

// login returns the account and true if the password is right. An unknown email address
// takes as long as a wrong password.
func (a accounts) login(ctx context.Context, email, password string) (account, bool, error) {
	var acc account
	var salt, want string
	err := a.db.QueryRowContext(ctx, `SELECT email, name, member, manager, salt, hash FROM app_accounts WHERE email = $1`, email).
		Scan(&acc.Email, &acc.Name, &acc.Member, &acc.Manager, &salt, &want)
	unknown := errors.Is(err, sql.ErrNoRows)
	if err != nil && !unknown {
		return account{}, false, err
	}
	got, err := a.hash(password, salt)
	if err != nil || unknown || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return account{}, false, err
	}
	return acc, true, nil
}

// names returns the names of the members by member id.
func (a accounts) names(ctx context.Context) (map[string]string, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT member, name FROM app_accounts`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]string{}
	for rows.Next() {
		var member, name string
		if err := rows.Scan(&member, &name); err != nil {
			return nil, err
		}
		names[member] = name
	}
	return names, rows.Err()
}

func (a accounts) hash(password, salt string) (string, error) {
	hash, err := pbkdf2.Key(sha256.New, password, []byte(salt), a.iterations, 32)
	return hex.EncodeToString(hash), err
}

// sessions keeps the sessions in memory: a restart ends all of them.
type sessions struct {
	now func() time.Time

	mu       sync.Mutex
	open     map[string]session
	limiters map[string]*rate.Limiter // by address and by account
	proxy    netip.Prefix             // the addresses of a trusted proxy; zero is none
}

type session struct {
	account account
	until   time.Time
}

const (
	sessionCookie = "session"
	sessionTime   = 12 * time.Hour
)

func newSessions(now func() time.Time, proxy netip.Prefix) *sessions {
	return &sessions{now: now, open: map[string]session{}, limiters: map[string]*rate.Limiter{}, proxy: proxy}
}

func (s *sessions) account(r *http.Request) (account, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return account{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[c.Value]
	return one.account, ok && s.now().Before(one.until)
}

func (s *sessions) start(rw http.ResponseWriter, r *http.Request, who account) {
	key := rand.Text()
	_, secure := s.client(r)
	s.mu.Lock()
	maps.DeleteFunc(s.open, func(_ string, one session) bool { return !s.now().Before(one.until) })
	s.open[key] = session{who, s.now().Add(sessionTime)}
	s.mu.Unlock()
	http.SetCookie(rw, &http.Cookie{Name: sessionCookie, Value: key, Path: "/", MaxAge: int(sessionTime.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure})
}

func (s *sessions) end(rw http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.open, c.Value)
		s.mu.Unlock()
	}
	http.SetCookie(rw, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// Logins are limited to loginBurst at once, and then one per loginInterval.
const (
	loginBurst    = 10
	loginInterval = 10 * time.Second
)

// loginDelay is the delay of a login to an account above its limit.
const loginDelay = 3 * time.Second

// client returns the address of the browser, and whether it uses TLS. A trusted proxy
// reports both: it appends the address to X-Forwarded-For, whose other parts anyone can
// write.
func (s *sessions) client(r *http.Request) (address string, secure bool) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !s.proxy.Contains(from.Addr().Unmap()) {
		return from.Addr().Unmap().String(), r.TLS != nil
	}
	all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	address = strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
	return address, r.Header.Get("X-Forwarded-Proto") == "https"
}

// allowLogin applies the login limits. An address above its limit is refused. An account
// above its limit is only delayed, by wait, so that the attempts of other people do not
// lock its owner out. A refused attempt does not count for the account.
func (s *sessions) allowLogin(r *http.Request, email string) (wait time.Duration, ok bool) {
	host, _ := s.client(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.limiter("from "+host, now).AllowN(now, 1) {
		return 0, false
	}
	if !s.limiter("to "+email[:min(len(email), 254)], now).AllowN(now, 1) {
		wait = loginDelay
	}
	return wait, true
}

func (s *sessions) limiter(key string, now time.Time) *rate.Limiter {
	if len(s.limiters) >= 10_000 { // remove limiters without recent attempts
		maps.DeleteFunc(s.limiters, func(_ string, l *rate.Limiter) bool { return l.TokensAt(now) >= loginBurst-1 })
	}
	if len(s.limiters) >= 10_000 {
		clear(s.limiters)
	}
	l := s.limiters[key]
	if l == nil {
		l = rate.NewLimiter(rate.Every(loginInterval), loginBurst)
		s.limiters[key] = l
	}
	return l
}

func (p *platform) loginPage(rw http.ResponseWriter, r *http.Request) {
	p.show(rw, r, http.StatusOK, "login", view{Title: "Log in"})
}

func (p *platform) login(rw http.ResponseWriter, r *http.Request) {
	email := strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))
	wait, ok := p.sessions.allowLogin(r, email)
	if !ok {
		p.loginAgain(rw, r, http.StatusTooManyRequests, "Too many attempts. Please wait a minute.")
		return
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return
	}
	who, ok, err := p.accounts.login(r.Context(), email, r.PostFormValue("password"))
	switch {
	case err != nil:
		p.showError(rw, r, err)
	case !ok:
		p.loginAgain(rw, r, http.StatusUnauthorized, "Wrong email address or password.")
	default:
		p.sessions.start(rw, r, who)
		to := "/"
		if who.Manager {
			to = "/manage"
		}
		http.Redirect(rw, r, to, http.StatusSeeOther)
	}
}

// loginAgain shows the login with what is wrong and the email address.
func (p *platform) loginAgain(rw http.ResponseWriter, r *http.Request, status int, wrong string) {
	p.show(rw, r, status, "login", view{Title: "Log in", Wrong: &problem{text: wrong}, input: r.PostForm})
}

func (p *platform) logout(rw http.ResponseWriter, r *http.Request) {
	p.sessions.end(rw, r)
	http.Redirect(rw, r, "/login", http.StatusSeeOther)
}
