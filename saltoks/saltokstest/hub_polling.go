package saltokstest

import (
	"net/http"
	"time"
)

// poll is one long poll: the first returns at once, the others when there is
// something, or empty after a while; 204 is the end.
func (s *Sim) poll(a *answer, r *http.Request, h *hubConn, token string) {
	s.mu.Lock()
	first := !h.polled
	h.polled = true
	s.mu.Unlock()
	if first {
		return
	}
	timer := time.NewTimer(hubPoll)
	defer timer.Stop()
	for {
		text, closed := s.take(h)
		switch {
		case text != "":
			a.header.Set("Content-Type", "text/plain")
			a.body.WriteString(text)
			return
		case closed:
			s.forget(token)
			a.WriteHeader(http.StatusNoContent)
			return
		}
		select {
		case <-h.wake:
		case <-timer.C:
			return
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-s.closed:
			panic(http.ErrAbortHandler)
		}
	}
}
