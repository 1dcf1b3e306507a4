package main

import (
	"crypto/rand"
	"maps"
	"net"
	"net/http"
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
	taps     map[string]*rate.Limiter // by member, of whom there are few
}

type session struct {
	account account
	until   time.Time
}

const (
	sessionCookie = "session"
	sessionTime   = 12 * time.Hour
)

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, open: map[string]session{}, limiters: map[string]*rate.Limiter{}, taps: map[string]*rate.Limiter{}}
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
	s.mu.Lock()
	for k, one := range s.open { // remove expired sessions
		if !s.now().Before(one.until) {
			delete(s.open, k)
		}
	}
	s.open[key] = session{who, s.now().Add(sessionTime)}
	s.mu.Unlock()
	http.SetCookie(rw, &http.Cookie{Name: sessionCookie, Value: key, Path: "/", MaxAge: int(sessionTime.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
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

// allowLogin applies the login limits. An address above its limit is refused. An account
// above its limit is only delayed, by wait, so that the attempts of other people do not
// lock its owner out. A refused attempt does not count for the account.
func (s *sessions) allowLogin(r *http.Request, email string) (wait time.Duration, ok bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
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

// tapInterval is how often a member may tap after a burst of tapBurst. Each tap is a row
// in the door log and holds its chain, so a member must not flood it.
const (
	tapInterval = 2 * time.Second
	tapBurst    = 20
)

// allowTap counts a tap of the member.
func (s *sessions) allowTap(member string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	l := s.taps[member]
	if l == nil {
		l = rate.NewLimiter(rate.Every(tapInterval), tapBurst)
		s.taps[member] = l
	}
	return l.AllowN(now, 1)
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

func (w *web) loginPage(rw http.ResponseWriter, r *http.Request) {
	w.show(rw, r, http.StatusOK, "login", view{Title: "Log in"})
}

func (w *web) login(rw http.ResponseWriter, r *http.Request) {
	email := strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))
	wait, ok := w.sessions.allowLogin(r, email)
	if !ok {
		w.show(rw, r, http.StatusTooManyRequests, "login", view{Title: "Log in", Problem: "Too many attempts. Please wait a minute."})
		return
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return
	}
	who, ok, err := w.accounts.login(r.Context(), email, r.PostFormValue("password"))
	switch {
	case err != nil:
		w.showError(rw, r, err)
	case !ok:
		w.show(rw, r, http.StatusUnauthorized, "login", view{Title: "Log in", Problem: "Wrong email address or password."})
	default:
		w.sessions.start(rw, r, who)
		to := "/"
		if who.manager {
			to = "/manage"
		}
		http.Redirect(rw, r, to, http.StatusSeeOther)
	}
}

func (w *web) logout(rw http.ResponseWriter, r *http.Request) {
	w.sessions.end(rw, r)
	http.Redirect(rw, r, "/login", http.StatusSeeOther)
}
