package saltokstest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// use reports whether a state fault strikes now at target, and uses it up.
// s.mu is held.
func (s *Sim) use(name, target string) *armedFault {
	for i, f := range s.armed {
		if f.name != name || f.target != "" && f.target != target {
			continue
		}
		if f.count > 0 {
			if f.count--; f.count == 0 {
				s.armed = slices.Delete(s.armed, i, i+1)
			}
		}
		return f
	}
	return nil
}

// plan is what the request faults do to one request.
type plan []*armedFault

func (p plan) get(name string) *armedFault {
	return find(p, func(f *armedFault) bool { return f.name == name })
}

func (p plan) has(name string) bool { return p.get(name) != nil }

// strike takes the request faults that fit this request.
func (s *Sim) strike(p part, method, path string) plan {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var struck plan
	s.armed = slices.DeleteFunc(s.armed, func(f *armedFault) bool {
		if !f.until.IsZero() && !now.Before(f.until) {
			return true // the outage is over
		}
		if faultTable[f.name].kind != requestFault || struck.has(f.name) || !f.fits(p, method+" "+path) {
			return false
		}
		struck = append(struck, f)
		if f.count > 0 {
			f.count--
		}
		return f.count == 0
	})
	return struck
}

func (f *armedFault) fits(p part, line string) bool {
	switch {
	case f.name == IdentityOutage:
		return p == partIdentity && strings.Contains(line, f.on)
	case f.on != "":
		return strings.Contains(line, f.on)
	}
	return p == partAPI
}

// before does what strikes before the request is carried out.
func (s *Sim) before(r *http.Request, p plan) {
	if f := p.get(Slow); f != nil && !f.after {
		s.wait(f.delay)
	}
	if p.has(AnswerLostBeforeMove) {
		panic(http.ErrAbortHandler)
	}
	if f := p.get(Hang); f != nil && !f.after {
		s.hang(r)
	}
}

// after does what strikes the answer.
func (s *Sim) after(r *http.Request, p plan) {
	if f := p.get(Slow); f != nil && f.after {
		s.wait(f.delay)
	}
	if p.has(AnswerLostAfterMove) {
		panic(http.ErrAbortHandler)
	}
	if f := p.get(Hang); f != nil && f.after {
		s.hang(r)
	}
}

// instead is the answer of a fault that takes the place of the real one.
func (p plan) instead(r *http.Request, a *answer, after bool) bool {
	for _, f := range p {
		if f.after != after {
			continue
		}
		switch f.name {
		case HTTP429:
			a.replace(http.StatusTooManyRequests, "text/plain; charset=utf-8", "")
			a.header.Set("Retry-After", itoa(int((f.delay+time.Second-1)/time.Second)))
		case HTTP500:
			a.replace(http.StatusInternalServerError, jsonType, `{"ErrorCode":"2201","Message":"Internal server error"}`)
		case HTML502:
			a.replace(http.StatusBadGateway, "text/html", "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>")
		case Redirect307:
			a.replace(http.StatusTemporaryRedirect, "text/html", "")
			to := f.target
			if to == "" {
				to = r.URL.RequestURI()
			}
			a.header.Set("Location", to)
		case IdentityOutage:
			a.replace(http.StatusNotFound, "text/html", "<html><body><h1>404</h1></body></html>")
		default:
			continue
		}
		return true
	}
	return false
}

// hang waits until the client or the test gives up, then cuts the connection.
func (s *Sim) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// wait waits d, whether or not the client is still there.
func (s *Sim) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
		panic(http.ErrAbortHandler)
	}
}
