package saltokstest

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// part is the server that a request is for.
type part string

const (
	partIdentity part = "identity"
	partAPI      part = "api"
	partEvents   part = "events"
	partControl  part = "control"
	partNone     part = ""
)

const (
	maxBody     = 1 << 20
	bodyTimeout = 30 * time.Second
)

// ServeHTTP implements http.Handler: it records the request, applies the faults and
// passes the request to the server that it is for.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat)) // the simulator's time
	p, path := s.locate(r)
	if p == partControl {
		s.serveControl(w, r, path, body)
		return
	}
	n := s.rec.add(Request{
		Part: string(p), Method: r.Method, Path: path, Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Body: body, At: s.Now(),
	})
	faults := s.takeFaults(p, r.Method, path)
	s.before(r, faults)
	answer := newAnswer()
	if !s.instead(r, faults, answer, false) {
		switch p {
		case partIdentity:
			s.serveIdentity(answer, r, path, body)
		case partAPI:
			s.serveAPI(answer, r, path, body)
		case partEvents:
			s.serveEvents(w, r, path, body, n)
			return
		default:
			http.Error(answer, "saltokstest: nothing is served at "+r.Host, http.StatusMisdirectedRequest)
		}
		if answer.hang {
			s.hang(r)
		}
		s.instead(r, faults, answer, true)
	}
	faults.rewrite(answer)
	s.after(r, faults)
	s.rec.status(n, answer.code)
	answer.writeTo(w, faults.has(TruncatedBody))
}

// readBody reads a body of at most maxBody bytes that arrives within bodyTimeout.
// When it returns false, the request has been answered.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // not supported by a test's recorder
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the client disconnected, or sent too slowly
	}
	_ = conn.SetReadDeadline(time.Time{})
	if len(body) > maxBody {
		http.Error(w, "", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	return body, true
}

// locate finds the part: by host in memory, by path on one origin.
func (s *Sim) locate(r *http.Request) (part, string) {
	path := r.URL.Path
	if s.oneOrigin {
		switch first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/"); {
		case first == "control":
			return partControl, path
		case strings.HasPrefix(path, "/v1/hub/"):
			return partEvents, path
		case strings.HasPrefix(first, "v1") || first == "v2":
			return partAPI, path
		}
		return partIdentity, path
	}
	switch "http://" + r.Host {
	case memIdentity:
		return partIdentity, path
	case strings.TrimSuffix(memAPI, "/connect"):
		// A request outside the base path keeps its path and finds nothing.
		rest, ok := strings.CutPrefix(path, "/connect")
		if !ok {
			rest = "/outside-the-base-path" + path
		}
		return partAPI, rest
	case memEvents:
		return partEvents, path
	case strings.TrimSuffix(memControl, "/control"):
		return partControl, path
	}
	return partNone, path
}
