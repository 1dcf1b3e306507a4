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

// sessions are kept in memory: a restart logs everybody out.
type sessions struct {
	now func() time.Time

	mu    sync.Mutex
	open  map[string]session
	tries map[string]*rate.Limiter // by address and by account
}

type session struct {
	who   account
	until time.Time
}

const (
	sessionCookie = "session"
	sessionTime   = 12 * time.Hour
)

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, open: map[string]session{}, tries: map[string]*rate.Limiter{}}
}

func (s *sessions) who(r *http.Request) (account, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return account{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[c.Value]
	return one.who, ok && s.now().Before(one.until)
}

func (s *sessions) start(rw http.ResponseWriter, r *http.Request, who account) {
	key := rand.Text()
	s.mu.Lock()
	for k, one := range s.open { // what ran out goes when somebody comes
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

const (
	atOnce   = 10               // tries, and then
	oneEvery = 10 * time.Second // more
)

// mayTry counts a login against the caller's address, and if that may try, against
// the account: an address that may not leaves nothing behind.
func (s *sessions) mayTry(r *http.Request, email string) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take("from "+host) && s.take("to "+email[:min(len(email), 254)])
}

func (s *sessions) take(key string) bool {
	now := s.now()
	if len(s.tries) >= 10_000 { // those that count nothing yet are no loss
		maps.DeleteFunc(s.tries, func(_ string, l *rate.Limiter) bool { return l.TokensAt(now) >= atOnce-1 })
	}
	if len(s.tries) >= 10_000 {
		clear(s.tries)
	}
	l := s.tries[key]
	if l == nil {
		l = rate.NewLimiter(rate.Every(oneEvery), atOnce)
		s.tries[key] = l
	}
	return l.AllowN(now, 1)
}

func (w *web) loginPage(rw http.ResponseWriter, r *http.Request) {
	w.show(rw, r, http.StatusOK, "login", view{Title: "Log in"})
}

func (w *web) login(rw http.ResponseWriter, r *http.Request) {
	email := strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))
	if !w.sessions.mayTry(r, email) {
		w.show(rw, r, http.StatusTooManyRequests, "login", view{Title: "Log in", Problem: "Too many tries. Please wait a minute."})
		return
	}
	who, ok, err := w.table.login(r.Context(), email, r.PostFormValue("password"))
	switch {
	case err != nil:
		w.failed(rw, r, err)
	case !ok:
		w.show(rw, r, http.StatusUnauthorized, "login", view{Title: "Log in", Problem: "That address and password do not fit."})
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
