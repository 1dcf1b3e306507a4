package saltoks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// attempt records one attempt of a call: its token, how far the request got,
// and the answer. A call's outcome is computed from its attempts and from
// nothing else (see outcomeOf).
type attempt struct {
	token    Secret
	rejected bool // the token was marked stale after a 401

	handed bool // the request was passed to the transport
	sent   progress
	status int // 0 without an answer
	header http.Header
	body   []byte
	parsed answerBody // from header and body
	// unread is the error that kept the body from being read to its end, or
	// nil.
	unread error
	// local is set if this package ended the attempt: a retry would not help.
	local bool
}

// stop ends the attempt before the request is passed to the transport.
func (a *attempt) stop(r *http.Request, err error) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	a.local = true
	return nil, err
}

// progress is how far a request got, as far as it can be proven.
type progress uint8

const (
	// sentNothing: the attempt ended before the request was passed to the
	// transport, net/http reported that it wrote nothing, or the connection was
	// ready too late and was closed.
	sentNothing progress = iota
	// maybeSent: net/http may have written the first byte, or the transport
	// does not report what it writes.
	maybeSent
)

// RoundTrip makes one attempt, from the limiter to the end of the answer's
// body:
//
//	limiter -> token -> middleware -> transport
//
// net/http calls it for each redirect that it follows, and retryablehttp for
// each retry.
func (cl *call) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &attempt{}
	cl.attempts = append(cl.attempts, a)
	ctx, gate, end := newSendGate(r.Context(), cl.req.Deadline)
	defer end()
	seen := &sendTrace{gate: gate}
	defer func() { a.handed, a.sent = seen.handed.Load(), seen.progress(cl.known) }() // after a panic too

	resp, err := cl.try(a, r.WithContext(ctx), seen)
	if err != nil && gate.late() {
		err = ErrSendBy
	}
	return resp, err
}

func (cl *call) try(a *attempt, r *http.Request, seen *sendTrace) (*http.Response, error) {
	if err := cl.waitForLimiter(r.Context()); err != nil {
		return a.stop(r, err)
	}
	token, err := cl.client.token(r.Context())
	if err != nil {
		return a.stop(r, err)
	}
	a.token = token.Access

	ctx, cancel := context.WithTimeout(r.Context(), cl.client.attemptTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header = r.Header.Clone()
	r.Header.Set("Authorization", "Bearer "+token.Access.Reveal())

	next, err := cl.client.wrap(transportFunc(func(r *http.Request) (*http.Response, error) { return cl.send(a, r, seen) }))
	if err != nil {
		return a.stop(r, err)
	}
	resp, err := next.RoundTrip(r)
	if err == nil && resp == nil {
		err = errNoAnswer
	}
	if err != nil {
		return nil, err
	}
	cl.read(a, resp)
	if a.status == http.StatusTooManyRequests {
		if wait, ok := cl.client.retryAfter(a.header); ok {
			cl.client.limiter.pause(cl.req.lane, min(wait, maxRetryAfter))
		}
	}
	if a.status == http.StatusUnauthorized {
		a.rejected = cl.client.reject(ctx, cl, token)
	}
	return resp, nil
}

var errNoAnswer = errors.New("the transport or a middleware returned neither an answer nor an error")

// waitForLimiter fails immediately if the limiter would start the request after
// its deadline: a person is waiting at the door.
func (cl *call) waitForLimiter(ctx context.Context) error {
	if d := cl.req.Deadline; d != nil {
		left := d.Left()
		if left <= 0 {
			return ErrSendBy
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	return cl.client.limiter.wait(ctx, cl.req.lane)
}

// token returns a token that is not empty.
func (c *Client) token(ctx context.Context) (token Token, err error) {
	err = hostcall.Contain("the TokenSource", func() error { token, err = c.tokens.Token(ctx); return err })
	if err == nil && token.Access.IsZero() {
		err = errors.New("the token source returned an empty access token and no error")
	}
	if err == nil {
		err = ctx.Err()
	}
	return token, err
}

// reject marks the token as stale, so that the next call gets another one. It
// reports whether that succeeded.
func (c *Client) reject(ctx context.Context, cl *call, token Token) bool {
	rejecter, ok := c.tokens.(Rejecter)
	if !ok {
		return false
	}
	err := hostcall.Contain("the TokenSource", func() error { return rejecter.Reject(ctx, token) })
	if err != nil {
		c.log(ctx, levelWarn, "saltoks: rejecting the token failed", cl, 0, err)
	}
	return err == nil
}

// wrap puts the host's middleware around the transport of one attempt.
func (c *Client) wrap(next http.RoundTripper) (http.RoundTripper, error) {
	for _, m := range slices.Backward(c.middleware) {
		if next = m(next); next == nil {
			return nil, errNilMiddleware
		}
	}
	return next, nil
}

// send passes a request to the transport.
func (cl *call) send(a *attempt, r *http.Request, seen *sendTrace) (*http.Response, error) {
	if seen.handed.Load() && cl.req.Class == Never {
		return a.stop(r, errSecondSend)
	}
	if _, ok := r.Context().Deadline(); !ok {
		return a.stop(r, errContextDropped)
	}
	if !cl.known && !seen.gate.start(nil) {
		return a.stop(r, ErrSendBy)
	}
	seen.handed.Store(true)
	if cl.req.Class != Safe {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), seen.hooks()))
	}
	return cl.transport.RoundTrip(r)
}

var (
	errSecondSend     = errors.New("a middleware tried to send a command twice")
	errContextDropped = errors.New("a middleware replaced the request's context: it must keep it")
)

// sendTrace collects what net/http reports of one attempt, from any goroutine.
type sendTrace struct {
	gate   *sendGate
	handed atomic.Bool // the request was passed to the transport
	traced atomic.Bool // net/http has the request and calls the hooks
	wrote  atomic.Bool // the first byte may have been written
	closed atomic.Bool // the gate closed the connection before the first byte
}

func (s *sendTrace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { s.traced.Store(true) },
		GotConn: func(info httptrace.GotConnInfo) {
			if !s.gate.start(info.Conn) {
				s.closed.Store(true)
			}
		},
		WroteHeaderField: func(string, []string) { s.wrote.Store(true) },
	}
}

// progress returns what is proven after RoundTrip has returned. net/http writes
// to the connection only after it has reported the first header field, and it
// closes the connection of a request that it gives up. known means that the
// transport is an *http.Transport: if it called no hook, it wrote nothing.
func (s *sendTrace) progress(known bool) progress {
	if !s.handed.Load() || s.closed.Load() {
		return sentNothing
	}
	if s.wrote.Load() || !known && !s.traced.Load() {
		return maybeSent
	}
	return sentNothing
}

// read reads the whole answer, up to the limit.
func (cl *call) read(a *attempt, resp *http.Response) {
	body := resp.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close()
	resp.Body = http.NoBody
	a.status, a.header = resp.StatusCode, resp.Header
	a.unread = errUnread // stays set if a panic interrupts the reading
	limit := cl.client.maxResponse
	if !success(a.status) {
		limit = min(limit, maxErrorBody)
	}
	var raw bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= limit {
		raw.Grow(int(n) + bytes.MinRead)
	}
	n, err := raw.ReadFrom(io.LimitReader(body, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	a.body = trimBody(raw.Bytes())
	a.parsed, a.unread = parseAnswer(a.header, a.body), err
}

const maxErrorBody = 64 << 10

var (
	errTooLarge = errors.New("the answer is larger than the client's limit")
	errUnread   = errors.New("the answer was not read to its end")
)
