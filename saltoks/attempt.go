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

// attempt is one try of a call: what went in and what is known of it. A call's
// outcome is computed from its attempts and from nothing else (see outcomeOf).
type attempt struct {
	token    Secret
	rejected bool // the token was marked stale after a 401

	handed bool // the transport had the request
	sent   progress
	status int // 0 without an answer
	header http.Header
	body   []byte
	parsed answerBody // from header and body
	// unread is why the body was not read to its end; nil when it was.
	unread error
	// local is set where we ended it: trying again would not help.
	local bool
}

// stop ends the attempt before the transport.
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
	// sentNothing: it ended before the transport had it, net/http reported that
	// it wrote nothing, or its connection came too late and was closed.
	sentNothing progress = iota
	// maybeSent: net/http may have written the first byte, or the transport
	// reports nothing.
	maybeSent
)

// RoundTrip is one attempt, from the limiter to the end of the answer's body:
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

var errNoAnswer = errors.New("the transport or a middleware gave neither an answer nor an error")

// waitForLimiter fails at once when the turn would come too late for the
// request's deadline: a person is waiting at the door.
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

// token returns a token that can be sent.
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

// reject marks the token as stale, so that the next call works.
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

// send hands a request to the transport.
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
	handed atomic.Bool // the transport has the request
	traced atomic.Bool // net/http has it, and reports
	wrote  atomic.Bool // the first byte may be on its way
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

// progress is what is proven when RoundTrip has returned: net/http writes to the
// connection only after it reported the first header field, and has closed the
// connection of a request that it gave up. known means that net/http is the
// transport, so that its silence is a report.
func (s *sendTrace) progress(known bool) progress {
	if !s.handed.Load() || s.closed.Load() {
		return sentNothing
	}
	if s.wrote.Load() || !known && !s.traced.Load() {
		return maybeSent
	}
	return sentNothing
}

// read takes in the whole answer, up to the limit.
func (cl *call) read(a *attempt, resp *http.Response) {
	body := resp.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close()
	resp.Body = http.NoBody
	a.status, a.header = resp.StatusCode, resp.Header
	a.unread = errUnread // a panic may keep it from being read
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
