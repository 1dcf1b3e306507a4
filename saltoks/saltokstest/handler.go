package saltokstest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
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

// Request is a request as it arrived, even if its answer was lost. Requests to the
// control endpoints are not recorded.
type Request struct {
	// Part is "identity", "api" or "events".
	Part   string
	Method string
	// Path has no base path: "/v1.2/sites".
	Path  string
	Query string
	// Header and Body are what was sent, including secrets.
	Header http.Header
	Body   []byte
	// At is the simulator's time of arrival.
	At time.Time
	// Status is the status of the answer. It is 0 until there is an answer, and
	// stays 0 if the answer was lost.
	Status int
}

// Requests returns the recorded requests, oldest first: the last
// Config.MaxRequests of them, or fewer if those take more than 32 MiB and more
// than 1 KiB each on average.
func (s *Sim) Requests() []Request { return s.rec.list() }

// Commands returns the recorded requests that commanded a lock.
func (s *Sim) Commands() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !strings.HasSuffix(r.Path, "/locking") })
}

// ForgetRequests deletes the recorded requests.
func (s *Sim) ForgetRequests() { s.rec.reset() }

// The memory that requests of unknown senders can take is limited to minRecordBytes,
// or to bytesPerRequest for each of Config.MaxRequests if that is more.
const (
	minRecordBytes  = 32 << 20
	bytesPerRequest = 1 << 10
)

type recorder struct {
	max int

	mu    sync.Mutex
	first int // the number of reqs[0], counted from the start
	reqs  []Request
	bytes int
}

// size is about how much memory a request takes.
func (q *Request) size() int {
	n := 500 + len(q.Path) + len(q.Query) + len(q.Body)
	for name, values := range q.Header {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

// add records a request and returns its number, for status.
func (r *recorder) add(q Request) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.max == 0 {
		return -1
	}
	r.reqs = append(r.reqs, q)
	r.bytes += q.size()
	if len(r.reqs) >= 2*r.max { // drop half at once: cheaper than one by one
		r.drop(len(r.reqs) - r.max)
	}
	for r.bytes > max(minRecordBytes, r.max*bytesPerRequest) {
		r.drop((len(r.reqs) + 1) / 2)
	}
	return r.first + len(r.reqs) - 1
}

// drop removes the n oldest requests.
func (r *recorder) drop(n int) {
	for i := range r.reqs[:n] {
		r.bytes -= r.reqs[i].size()
	}
	r.first += n
	r.reqs = slices.Clone(r.reqs[n:])
}

func (r *recorder) status(n, code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := n - r.first; n >= 0 && i >= 0 && i < len(r.reqs) {
		r.reqs[i].Status = code
	}
}

func (r *recorder) list() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.reqs[max(0, len(r.reqs)-r.max):])
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first += len(r.reqs)
	r.reqs, r.bytes = nil, 0
}
