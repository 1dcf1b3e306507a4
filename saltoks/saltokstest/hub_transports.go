package saltokstest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/websocket"
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

// webSocket streams to the client until either side ends the connection.
func (s *Sim) webSocket(w http.ResponseWriter, r *http.Request, h *hubConn) {
	ws, err := websocket.Upgrade(w, r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer ws.Close()
	gone := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(gone)
		for {
			op, data, err := ws.Read(maxBody)
			if err != nil || op == websocket.Close {
				return
			}
			switch op {
			case websocket.Ping:
				_ = ws.Write(websocket.Pong, data)
			case websocket.Pong: // nothing to do
			default:
				s.mu.Lock()
				h.receive(string(data), s.Now())
				s.mu.Unlock()
			}
		}
	})
	reading.Go(func() { // also ends a write that the client does not read
		select {
		case <-s.closed:
			ws.Close()
		case <-gone:
		}
	})
	s.push(ws, h, gone)
	ws.Close()
	reading.Wait()
}

// push writes the queued messages, and a ping after a quiet period.
func (s *Sim) push(ws *websocket.Conn, h *hubConn, gone <-chan struct{}) {
	for {
		text, closed := s.take(h)
		if text != "" && ws.Write(websocket.Text, []byte(text)) != nil {
			return
		}
		if closed {
			_ = ws.Write(websocket.Close, nil)
			return
		}
		if !s.waitForMessage(h, gone) {
			return
		}
	}
}
