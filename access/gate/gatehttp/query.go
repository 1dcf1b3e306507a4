package gatehttp

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// query reads the parameters of a URL strictly, and collects what is wrong with them. A
// filter that is mistyped must not select everything.
type query struct {
	values url.Values
	known  map[string]bool
	faults []gate.Fault
}

func (c *call) query() *query {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	q := &query{values: values, known: map[string]bool{}}
	if err != nil {
		q.fault("query", "is not a valid query string")
	}
	return q
}

func (q *query) fault(name, what string) {
	q.faults = append(q.faults, gate.Fault{Field: name, What: what})
}

func (q *query) text(name string) string {
	q.known[name] = true
	list := q.values[name]
	if len(list) > 1 {
		q.fault(name, "must be given once")
	}
	value := q.values.Get(name)
	if value != "" && !storage.ValidID(value) {
		q.fault(name, "must be up to 200 bytes of valid UTF-8 without NUL")
	}
	return value
}

// number reads a whole number; it returns fallback if there is none.
func (q *query) number(name string, fallback, low, high uint64) uint64 {
	text := q.text(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < low || n > high {
		q.fault(name, fmt.Sprintf("must be a whole number from %d to %d", low, high))
	}
	return n
}

// instant reads an RFC 3339 instant; it returns fallback if there is none. A "+" that was
// not escaped is a space here.
func (q *query) instant(name string, fallback time.Time) time.Time {
	text := strings.Replace(q.text(name), " ", "+", 1)
	if text == "" {
		return fallback
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		q.fault(name, "must be an instant such as 2026-05-06T18:00:00Z")
	}
	return t
}

// limit reads the size of a page.
func (q *query) limit() int { return int(q.number("limit", 100, 1, 1000)) }

// check returns everything that is wrong; call it when all parameters are read.
func (q *query) check() error {
	for name := range q.values {
		if !q.known[name] {
			q.fault(name, "is not a parameter of this route")
		}
	}
	if q.faults != nil {
		return badRequest(q.faults)
	}
	return nil
}

// nextFrom returns the relative URL of the page that begins at an instant, "" for zero.
func (q *query) nextFrom(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return q.next("from", at.UTC().Format(time.RFC3339Nano))
}

// next returns the relative URL of the next page.
func (q *query) next(name, value string) string {
	q.values.Set(name, value)
	return "?" + q.values.Encode()
}
