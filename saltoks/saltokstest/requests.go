package saltokstest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

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
