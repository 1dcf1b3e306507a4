package saltoks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ReplayClass says what may happen to a request whose answer was lost.
type ReplayClass uint8

const (
	// Never is exactly one request on the wire: no retry, no redirect, a fresh
	// connection, so that net/http cannot repeat it either. Commands, codes,
	// PINs and everything that creates.
	Never ReplayClass = iota
	// Idempotent may be sent again: once or twice makes no difference.
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
// Client.NewRequest, set the exported fields, hand it to Client.Do. A Request
// is used for one call at a time.
type Request struct {
	// Query is added to the path. It never appears in an error or a log.
	Query url.Values
	// Body is sent as JSON; nil sends none. Secrets print as [redacted] in it,
	// so put Reveal's text where the wire needs one, and list it with Hide.
	Body any
	// Class is how the request may be repeated: Safe for GET and HEAD, Never
	// for all others unless set. A Never request goes in the lane of commands.
	Class ReplayClass
	// Deadline is the instant until which the request may start to be sent; nil
	// for none.
	Deadline *SendDeadline

	method, route, path string
	lane                lane
	secrets             []string
	continuation        string    // of the page before
	command             bool      // moves a lock or concerns an IQ
	state               LockState // that is commanded
	err                 error     // a fault in building it, which the call returns
}

// NewRequest builds a request for a path template such as
// "/v1.1/sites/{site}/incidents". The values replace the braces in order and
// are escaped; an empty one, or one with a slash or dots only, is an error.
func (c *Client) NewRequest(method, route string, values ...string) (*Request, error) {
	r := newRequest(method, route, classOf(method), values...)
	if r.err != nil {
		return nil, c.refuse(r, r.err)
	}
	return r, nil
}

// Hide names texts that must not appear in an error, whatever SALTO answers.
func (r *Request) Hide(secrets ...string) {
	for _, s := range secrets {
		if s != "" {
			r.secrets = append(r.secrets, s)
		}
	}
}

// Response is what Client.Do tells about an answer.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte
	RequestID string
	Attempts  int
}

// Do makes the call with the client's token, limits, retries and errors, and
// decodes a JSON answer into out unless out is nil. Every error is an *APIError.
func (c *Client) Do(ctx context.Context, r *Request, out any) (*Response, error) {
	if r.Class == Never {
		r.lane = commandLane
	}
	var resp *Response
	err := c.run(ctx, r, func(a *answer) error {
		resp = &Response{
			Status: a.status, Header: a.header, RequestID: requestID(a.header),
			Body: a.body, Attempts: a.attempts,
		}
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

func (r *Request) expectation() expectation {
	return expectation{class: r.Class, method: r.method, command: r.command, state: r.state}
}

// fault keeps the first fault of the arguments, which the call returns.
func (r *Request) fault(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *Request) needOTP(otp OTP) {
	if otp.IsZero() {
		r.fault(errors.New("the one-time code is empty"))
	}
	r.Hide(otp.Reveal())
}

func (r *Request) unverified(c *Client) {
	if !c.unverified {
		r.fault(ErrUnverified)
	}
}

// command is a request of class Never in the lane of commands.
func command(method, route string, values ...string) *Request {
	r := newRequest(method, route, Never, values...)
	r.lane, r.command = commandLane, true
	return r
}

func classOf(method string) ReplayClass {
	if method == http.MethodGet || method == http.MethodHead {
		return Safe
	}
	return Never
}

func newRequest(method, route string, class ReplayClass, values ...string) *Request {
	r := &Request{method: method, route: route, Class: class}
	if method == "" || strings.ToUpper(method) != method {
		r.err = fmt.Errorf("method %q is not an HTTP method", method)
		return r
	}
	r.path, r.err = fillRoute(route, values)
	return r
}
