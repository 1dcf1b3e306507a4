package saltokstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The event stream is SignalR's JSON protocol: negotiate, then WebSockets,
// Server-Sent Events or long polling. Every new entry is one ReceiveMessage with the
// entry as a JSON text. The incidents hub exists with the switch IncidentsHub.
const (
	hubPath      = "/v1/hub/entries"
	incidentPath = "/v1/hub/incidents"
	hubKeepAlive = 15 * time.Second
	hubPoll      = 90 * time.Second
	recordEnd    = "\x1e"

	maxHubQueue = 1 << 20 // bytes queued for a client that does not read
	maxHubs     = 1000    // connections, most of which may have negotiated only
)

// hubConn is one connection to the hub. Sim.mu guards it.
type hubConn struct {
	site   *site
	userID string // only this user's entries; "" is all
	path   string // of the hub

	handshaken bool
	polled     bool // the first long poll has been answered
	closed     bool
	heard      time.Time // when the client last sent something
	inbound    string
	queue      strings.Builder
	wake       chan struct{}
}

// send queues a message. A client that does not read is disconnected.
func (h *hubConn) send(message any) {
	b, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	if h.queue.Len()+len(b) > maxHubQueue {
		h.queue.Reset()
		h.closed = true
		h.poke()
		return
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

// take empties the queue. Schedules of the site's locks are applied first, so that
// their entries are sent with the next keep-alive at the latest.
func (s *Sim) take(h *hubConn) (text string, closed bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range h.site.locks {
		l.settle(s.cloud, now)
	}
	if limit := s.cfg.Switches.StreamClientTimeout; limit > 0 && now.Sub(h.heard) >= limit && !h.closed {
		h.send(obj{"type": 7, "error": "Connection closed with an error."})
		h.closed = true
	}
	text = h.queue.String()
	h.queue.Reset()
	return text, h.closed
}

// receive handles what the client sent. Sim.mu is locked.
func (h *hubConn) receive(data string, now time.Time) {
	h.heard = now
	h.inbound += data
	for {
		record, rest, ok := strings.Cut(h.inbound, recordEnd)
		if !ok && len(h.inbound) > maxHubQueue {
			h.inbound, h.closed = "", true
			h.poke()
		}
		if !ok || h.closed {
			return
		}
		h.inbound = rest
		h.receiveMessage(record)
	}
}

func (h *hubConn) receiveMessage(record string) {
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
		h.poke()
	case m.Type == 1 && m.InvocationID != "":
		h.send(obj{"type": 3, "invocationId": m.InvocationID, "error": "Method does not exist."})
	}
}

// publish sends a new entry to the connections of its site. Sim.mu is locked.
func (s *Sim) publish(st *site, e *entry) {
	for _, h := range s.cloud.hubs {
		if h.path != hubPath || h.site != st || !h.handshaken || h.closed || h.userID != "" && (e.user == nil || e.user.ID != h.userID) {
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

// publishIncident sends an incident of a lock. Its fields are a guess. Sim.mu is locked.
func (s *Sim) publishIncident(l *lock, kind string, now time.Time) {
	for _, h := range s.cloud.hubs {
		if h.path != incidentPath || h.site != l.site || !h.handshaken || h.closed {
			continue
		}
		text, err := json.Marshal(obj{"incident_type": kind, "lock_id": l.ID, "utc_date_time": instant(now)})
		if err != nil {
			panic(err)
		}
		h.send(obj{"type": 1, "target": "ReceiveMessage", "arguments": []string{string(text)}})
	}
}

// serveEvents answers negotiations, posts and the three transports.
func (s *Sim) serveEvents(w http.ResponseWriter, r *http.Request, path string, body []byte, record int) {
	a := newAnswer()
	h, token := s.hubAnswer(a, r, strings.TrimRight(path, "/"), body)
	switch {
	case h == nil:
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		defer s.forget(token)
		if r.Header.Get("Sec-WebSocket-Key") == "" {
			a.WriteHeader(http.StatusBadRequest)
			break
		}
		s.rec.status(record, http.StatusSwitchingProtocols)
		s.webSocket(w, r, h)
		return
	case strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
		defer s.forget(token)
		s.rec.status(record, http.StatusOK)
		s.serverSentEvents(w, r, h)
		return
	default:
		s.poll(a, r, h, token)
	}
	s.rec.status(record, a.code)
	a.writeTo(w, false)
}

// hubAnswer answers the requests that do not wait. For a request of a transport
// it returns the connection.
func (s *Sim) hubAnswer(a *answer, r *http.Request, path string, body []byte) (*hubConn, string) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	path, negotiate := strings.CutSuffix(path, "/negotiate")
	if path != hubPath && (path != incidentPath || !s.cfg.Switches.IncidentsHub) {
		a.WriteHeader(http.StatusNotFound)
		return nil, ""
	}
	st, only := s.hubSite(a, r, now)
	if st == nil {
		return nil, ""
	}
	token := q.Get("id")
	switch {
	case negotiate && r.Method == http.MethodPost:
		writeJSON(a, http.StatusOK, negotiation(s.connectHub(path, st, only), q.Get("negotiateVersion")))
		return nil, ""
	case negotiate:
		a.WriteHeader(http.StatusMethodNotAllowed)
		return nil, ""
	case token == "" && r.Header.Get("Upgrade") != "":
		token = s.connectHub(path, st, only) // WebSockets may skip the negotiation
	}
	h := s.cloud.hubs[token]
	if h == nil || h.site != st || h.path != path {
		a.WriteHeader(http.StatusNotFound)
		return nil, ""
	}
	switch r.Method {
	case http.MethodGet:
		return h, token
	case http.MethodPost:
		h.receive(string(body), now)
	case http.MethodDelete:
		h.closed = true
		h.poke()
		a.WriteHeader(http.StatusAccepted)
	default:
		a.WriteHeader(http.StatusMethodNotAllowed)
	}
	return nil, ""
}

// hubSite returns the site whose entries the caller may receive, and the user id that
// they are limited to. When it returns nil, the refusal has been written.
func (s *Sim) hubSite(a *answer, r *http.Request, now time.Time) (*site, string) {
	q := r.URL.Query()
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
	return st, only
}

func negotiation(token, version string) obj {
	var transports []obj
	for _, name := range []string{"WebSockets", "ServerSentEvents", "LongPolling"} {
		transports = append(transports, obj{"transport": name, "transferFormats": []string{"Text"}})
	}
	v := obj{"connectionId": token, "availableTransports": transports, "negotiateVersion": 0}
	if version == "1" {
		v["negotiateVersion"], v["connectionToken"] = 1, token
	}
	return v
}

// connectHub adds a connection. When there are too many, those that never got a
// handshake are dropped.
func (s *Sim) connectHub(path string, st *site, only string) string {
	if len(s.cloud.hubs) >= maxHubs {
		for t, h := range s.cloud.hubs {
			if !h.handshaken {
				h.closed = true
				h.poke()
				delete(s.cloud.hubs, t)
			}
		}
	}
	token := randomHex(11)
	s.cloud.hubs[token] = &hubConn{path: path, site: st, userID: only, heard: s.Now(), wake: make(chan struct{}, 1)}
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
