package saltokstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The event stream is SignalR's JSON protocol (WIRE.md 2.7): negotiate, then
// WebSockets or long polling; every new entry is one ReceiveMessage with the
// entry as a JSON text. Only the entries hub exists.
const (
	hubPath      = "/v1/hub/entries"
	hubKeepAlive = 15 * time.Second
	hubPoll      = 90 * time.Second
	recordEnd    = "\x1e"
)

// hubConn is one subscriber. Sim.mu guards it.
type hubConn struct {
	site   *site
	userID string // only this user's entries; "" is all

	handshaken bool
	polled     bool // long polling: the first poll has been answered
	closed     bool
	inbound    string
	queue      strings.Builder
	wake       chan struct{}
}

func (h *hubConn) send(message any) {
	b, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	h.queue.Write(b)
	h.queue.WriteString(recordEnd)
	h.poke()
}

func (h *hubConn) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take empties the queue. Nothing runs by itself here: what a schedule did is
// noticed now, at the latest with the next keep-alive.
func (s *Sim) take(h *hubConn) (text string, closed bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range h.site.locks {
		l.settle(s.cloud, now)
	}
	text = h.queue.String()
	h.queue.Reset()
	return text, h.closed
}

// receive takes what the subscriber sent. Sim.mu is held.
func (h *hubConn) receive(data string) {
	h.inbound += data
	for {
		record, rest, ok := strings.Cut(h.inbound, recordEnd)
		if !ok || h.closed {
			return
		}
		h.inbound = rest
		var m struct {
			Protocol     string
			Version      int
			Type         int
			Target       string
			InvocationID string `json:"invocationId"`
		}
		err := json.Unmarshal([]byte(record), &m)
		switch {
		case !h.handshaken && (err != nil || m.Protocol != "json" || m.Version != 1):
			h.send(obj{"error": "The protocol '" + m.Protocol + "' is not supported."})
			h.closed = true
		case !h.handshaken:
			h.handshaken = true
			h.send(obj{})
		case m.Type == 7:
			h.closed = true
		case m.Type == 1 && m.InvocationID != "":
			h.send(obj{"type": 3, "invocationId": m.InvocationID, "error": "Method does not exist."})
		}
		h.poke()
	}
}

// publish sends a new entry to whoever listens. s.mu is held.
func (s *Sim) publish(st *site, e *entry) {
	for _, h := range s.cloud.hubs {
		if h.site != st || !h.handshaken || h.closed || h.userID != "" && (e.user == nil || e.user.ID != h.userID) {
			continue
		}
		c := &call{sim: s}
		text, err := json.Marshal(c.entryObj(e))
		if err != nil {
			panic(err)
		}
		h.send(obj{"type": 1, "target": "ReceiveMessage", "arguments": []string{string(text)}})
	}
}

// serveEvents answers negotiate, polls, posts and WebSockets.
func (s *Sim) serveEvents(w http.ResponseWriter, r *http.Request, path string, body []byte, record int) {
	a := newAnswer()
	h, token := s.hubAnswer(a, r, strings.TrimRight(path, "/"), body)
	if h != nil {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			defer s.forget(token)
			if r.Header.Get("Sec-WebSocket-Key") == "" {
				s.rec.status(record, http.StatusBadRequest)
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			s.rec.status(record, http.StatusSwitchingProtocols)
			s.webSocket(w, r, h)
			return
		}
		s.poll(a, r, h, token)
	}
	s.rec.status(record, a.code)
	a.writeTo(w, false)
}

// hubAnswer answers what can be answered at once, or returns the subscriber
// whose transport this request is.
func (s *Sim) hubAnswer(a *answer, r *http.Request, path string, body []byte) (*hubConn, string) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	if path != hubPath && path != hubPath+"/negotiate" {
		a.WriteHeader(http.StatusNotFound)
		return nil, ""
	}
	if t := q.Get("access_token"); t != "" && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+t)
	}
	u := s.authenticate(a, r, now)
	if u == nil {
		return nil, ""
	}
	st := s.cloud.siteByID(q.Get("site_id"))
	if st == nil {
		a.WriteHeader(http.StatusBadRequest)
		return nil, ""
	}
	m, only := st.memberOf(u), q.Get("user_id")
	if m == nil || m.blocked || !m.role.manages && only != u.ID || !slices.Contains(st.Features, "events_streaming") {
		a.WriteHeader(http.StatusForbidden)
		return nil, ""
	}
	token := q.Get("id")
	switch {
	case path != hubPath && r.Method == http.MethodPost:
		token = s.subscribeHub(st, only)
		transports := []obj{{"transport": "WebSockets", "transferFormats": []string{"Text"}}, {"transport": "LongPolling", "transferFormats": []string{"Text"}}}
		v := obj{"connectionId": token, "availableTransports": transports, "negotiateVersion": 0}
		if q.Get("negotiateVersion") == "1" {
			v["negotiateVersion"], v["connectionToken"] = 1, token
		}
		writeJSON(a, http.StatusOK, v)
		return nil, ""
	case path != hubPath:
		a.WriteHeader(http.StatusMethodNotAllowed)
		return nil, ""
	case token == "" && r.Header.Get("Upgrade") != "":
		token = s.subscribeHub(st, only) // WebSockets may skip the negotiation
	}
	h := s.cloud.hubs[token]
	if h == nil || h.site != st {
		a.WriteHeader(http.StatusNotFound)
		return nil, ""
	}
	switch r.Method {
	case http.MethodGet:
		return h, token
	case http.MethodPost:
		h.receive(string(body))
	case http.MethodDelete:
		h.closed = true
		h.poke()
		a.WriteHeader(http.StatusAccepted)
	default:
		a.WriteHeader(http.StatusMethodNotAllowed)
	}
	return nil, ""
}

func (s *Sim) subscribeHub(st *site, only string) string {
	token := randomHex(11)
	s.cloud.hubs[token] = &hubConn{site: st, userID: only, wake: make(chan struct{}, 1)}
	return token
}

func (s *Sim) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.cloud.hubs[token]; h != nil {
		h.closed = true
		delete(s.cloud.hubs, token)
	}
}
