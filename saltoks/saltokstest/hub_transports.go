package saltokstest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// poll answers one long poll. The first returns at once, the others when there is
// something to send, or empty after hubPoll. 204 is the end of the connection.
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

// serverSentEvents streams to the client until either side ends the connection. What
// the client sends arrives in POST requests.
func (s *Sim) serverSentEvents(w http.ResponseWriter, r *http.Request, h *hubConn) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache, no-store")
	w.WriteHeader(http.StatusOK)
	conn := http.NewResponseController(w)
	send := func(text string) bool {
		_, err := fmt.Fprint(w, text)
		return err == nil && conn.Flush() == nil
	}
	if !send(":\r\n\r\n") { // a comment, so that the client sees the stream open
		return
	}
	for {
		text, closed := s.take(h)
		for record := range strings.SplitAfterSeq(text, recordEnd) {
			if record != "" && !send("data: "+record+"\r\n\r\n") {
				return
			}
		}
		if closed || !s.waitForMessage(h, r.Context().Done()) {
			return
		}
	}
}

// waitForMessage waits until there may be something to send, and queues a ping after a
// quiet period. It returns false when the client or the simulator has ended.
func (s *Sim) waitForMessage(h *hubConn, gone <-chan struct{}) bool {
	timer := time.NewTimer(hubKeepAlive)
	defer timer.Stop()
	select {
	case <-h.wake:
	case <-timer.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		if h.handshaken {
			h.send(obj{"type": 6})
		}
	case <-gone:
		return false
	case <-s.closed:
		return false
	}
	return true
}
