package main

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

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
	for k, one := range s.open { // remove expired sessions
		if !s.now().Before(one.until) {
			delete(s.open, k)
		}
	}
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
		p.show(rw, r, http.StatusTooManyRequests, "login", view{Title: "Log in", wrong: invalidField("", "Too many attempts. Please wait a minute.")})
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
		p.show(rw, r, http.StatusUnauthorized, "login", view{Title: "Log in", wrong: invalidField("", "Wrong email address or password.")})
	default:
		p.sessions.start(rw, r, who)
		to := "/"
		if who.manager {
			to = "/manage"
		}
		http.Redirect(rw, r, to, http.StatusSeeOther)
	}
}

func (p *platform) logout(rw http.ResponseWriter, r *http.Request) {
	p.sessions.end(rw, r)
	http.Redirect(rw, r, "/login", http.StatusSeeOther)
}
