package saltoks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// ReplayClass determines whether a request may be sent again when its answer
// was lost.
type ReplayClass uint8

const (
	// Never is exactly one request on the wire: no retry, no redirect, and a new
	// connection, so that net/http cannot repeat it either. It is for commands,
	// codes, PINs and everything that creates.
	Never ReplayClass = iota
	// Idempotent may be sent again: sending it twice has the same effect as
	// once.
	Idempotent
	// Safe changes nothing and may be sent again.
	Safe
)

// String returns "never", "idempotent" or "safe".
func (c ReplayClass) String() string {
	switch c {
	case Safe:
		return "safe"
	case Idempotent:
		return "idempotent"
	}
	return "never"
}

// Request is one call, for endpoints that have no method here. Build it with
// Client.NewRequest, set the exported fields, and pass it to Client.Do. It must
// not be used by two calls at the same time.
type Request struct {
	// Query is added to the path. It never appears in an error or a log.
	Query url.Values
	// Body is sent as JSON; nil sends none. A Secret in it is sent as
	// "[redacted]": put Reveal's text where the wire requires it, and pass the
	// text to Hide.
	Body any
	// Class is Safe for GET and HEAD and Never for all others unless set. A
	// Never request waits in the limiter's command lane.
	Class ReplayClass
	// Deadline is the instant before which sending the request must start; nil
	// means no deadline.
	Deadline *SendDeadline

	method, route, path string
	lane                lane
	secrets             []string
	continuation        string         // of the page before
	command             bool           // moves a lock or concerns an IQ
	state               LockState      // that is commanded
	faults              faultlist.List // of the arguments; the call fails with them
}

// NewRequest builds a request for a path template such as
// "/v1.1/sites/{site}/incidents". Each {name} is a whole path segment. The values
// replace them in order and are escaped; it is an error if a value is empty,
// contains a slash or consists of dots.
func (c *Client) NewRequest(method, route string, values ...string) (*Request, error) {
	r := newRequest(method, route, Never, values...)
	if method == http.MethodGet || method == http.MethodHead {
		r.Class = Safe
	}
	if err := r.faults.Err(""); err != nil {
		return nil, c.refuse(r, err)
	}
	return r, nil
}

// Hide adds texts that are redacted in errors and log lines, whatever SALTO
// answers.
func (r *Request) Hide(secrets ...string) {
	for _, s := range secrets {
		if s != "" {
			r.secrets = append(r.secrets, s)
		}
	}
}

// Response is the answer to Client.Do.
type Response struct {
	Status    int         `json:"status"`
	Header    http.Header `json:"header"`
	Body      []byte      `json:"body"`
	RequestID string      `json:"request_id"`
}

// Do makes the call with the client's token, limits, retries and errors, and
// decodes a JSON answer into out unless out is nil. Every error is an *APIError.
func (c *Client) Do(ctx context.Context, r *Request, out any) (*Response, error) {
	if r.Class == Never {
		r.lane = commandLane
	}
	var resp *Response
	err := c.run(ctx, r, func(a *attempt) error {
		resp = &Response{Status: a.status, Header: a.header, Body: a.body, RequestID: requestID(a.header)}
		if out == nil {
			return nil
		}
		return decodeInto(resp.Body, out)
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// unverified refuses the request unless the config enables it.
func (r *Request) unverified(c *Client) {
	if !c.cfg.UnverifiedEndpoints {
		r.faults.Add("", ErrUnverified)
	}
}

func (r *Request) needOTP(otp OTP) {
	r.faults.Require(!otp.IsZero(), "the one-time code is empty")
	r.Hide(otp.Reveal())
}

// command returns a request of class Never in the command lane.
func command(method, route string, values ...string) *Request {
	r := newRequest(method, route, Never, values...)
	r.lane, r.command = commandLane, true
	return r
}

func newRequest(method, route string, class ReplayClass, values ...string) *Request {
	r := &Request{method: method, route: route, Class: class}
	r.faults.Require(method != "" && strings.ToUpper(method) == method, "method "+strconv.Quote(method)+" is not an HTTP method")
	path, err := fillRoute(route, values)
	r.path = path
	r.faults.Add("", err)
	return r
}

// fillRoute replaces the {name} segments of route by values.
func fillRoute(route string, values []string) (string, error) {
	if !strings.HasPrefix(route, "/") || strings.ContainsAny(route, "?#%\\ ") {
		return "", errors.New("a route starts with a slash and holds no query, fragment or escapes")
	}
	var faults faultlist.List
	segments := strings.Split(route, "/")
	for i, s := range segments {
		name, isName := strings.CutPrefix(s, "{")
		name, closed := strings.CutSuffix(name, "}")
		faults.Require(isName == closed && !strings.ContainsAny(name, "{}"), "the route's segment "+s+" is neither {name} nor a word")
		faults.Require(s != "." && s != "..", "a path must not hold dot segments")
		if !isName {
			continue
		}
		if len(values) == 0 {
			faults.Add("", fmt.Errorf("no value for {%s}", name))
			continue
		}
		faults.Require(pathValue(values[0]), "{"+name+"} is empty or holds characters that no id has")
		if name == "site" && isSiteUID(values[0]) {
			faults.Add("", fmt.Errorf("%w: {site} is %q, a printed site UID: Sites.Resolve finds its id",
				ErrInvalidRequest, values[0]))
		}
		segments[i], values = url.PathEscape(values[0]), values[1:]
	}
	faults.Require(len(values) == 0, "more values than braces")
	return strings.Join(segments, "/"), faults.Err("")
}

// pathValue reports whether every server reads s as exactly one path segment,
// even if it decodes s twice.
func pathValue(s string) bool {
	if s == "" || strings.Trim(s, ".") == "" || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '/' || c == '\\' || c == '%' || c == 0x7f {
			return false
		}
	}
	return true
}

// isSiteUID reports whether s has the form of a printed site UID: two letters
// and digits. It is not valid in a path.
func isSiteUID(s string) bool {
	if len(s) < 6 || !digits(s[2:]) {
		return false
	}
	country := strings.ToUpper(s[:2])
	return strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// encodeQuery is url.Values.Encode with the dollar of OData names and %20 for
// spaces, as SALTO's own clients write them.
func encodeQuery(q url.Values) string {
	if len(q) == 0 {
		return ""
	}
	return queryText.Replace(q.Encode())
}

var queryText = strings.NewReplacer("+", "%20", "%24", "$")
