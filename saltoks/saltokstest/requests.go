package saltokstest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one request as it arrived on the wire, also when its answer was
// lost. Control requests are not recorded.
type Request struct {
	// Part is "identity", "api" or "events".
	Part   string
	Method string
	// Path is without the base path: "/v1.2/sites".
	Path  string
	Query string
	// Header and Body are what was sent, secrets included.
	Header http.Header
	Body   []byte
	// At is the virtual time of arrival.
	At time.Time
	// Status is what was answered; 0 while there is no answer, and for ever
	// when it was lost.
	Status int
}

// Requests returns the recorded requests, oldest first (at most the last
// 10 000; see Config.MaxRequests).
func (s *Sim) Requests() []Request { return s.rec.list() }

// Commands returns those recorded requests that told a lock something.
func (s *Sim) Commands() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !strings.HasSuffix(r.Path, "/locking") })
}

// ForgetRequests empties the record.
func (s *Sim) ForgetRequests() { s.rec.reset() }

type recorder struct {
	max int

	mu    sync.Mutex
	first int // number of reqs[0]
	reqs  []Request
}

func (r *recorder) add(q Request) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.max == 0 {
		return -1
	}
	if len(r.reqs) >= 2*r.max { // drop the old half at once, not one by one
		r.first += len(r.reqs) - r.max
		r.reqs = slices.Clone(r.reqs[len(r.reqs)-r.max:])
	}
	r.reqs = append(r.reqs, q)
	return r.first + len(r.reqs) - 1
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
	r.reqs = nil
}
