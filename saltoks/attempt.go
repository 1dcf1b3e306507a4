package saltoks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"slices"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// attempt records one attempt of a call: its token, how far the request got,
// and the answer. A call's outcome is computed from its attempts and from
// nothing else (see outcomeOf).
type attempt struct {
	token    Secret
	rejected bool // the token was marked stale after a 401

	handed    bool // the request was passed to the transport
	maybeSent bool // false if it is certain that nothing was sent
	status    int  // 0 without an answer
	header    http.Header
	body      []byte
	parsed    answerBody // from header and body
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
	ctx, s, end := newSending(r.Context(), cl.req.Deadline, cl.stdTransport)
	defer end()
	defer func() { a.handed, a.maybeSent = s.handed.Load(), s.maybeSent() }() // after a panic too

	resp, err := cl.try(a, r.WithContext(ctx), s)
	if err != nil && s.isLate() {
		err = ErrSendBy
	}
	return resp, err
}

func (cl *call) try(a *attempt, r *http.Request, s *sending) (*http.Response, error) {
	if err := cl.waitForLimiter(r.Context()); err != nil {
		return a.stop(r, err)
	}
	token, err := cl.client.token(r.Context())
	if err != nil {
		return a.stop(r, err)
	}
	a.token = token.Access

	ctx, cancel := context.WithTimeout(r.Context(), cl.client.cfg.AttemptTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header = r.Header.Clone()
	r.Header.Set("Authorization", "Bearer "+token.Access.Reveal())

	next, err := cl.client.wrap(transportFunc(func(r *http.Request) (*http.Response, error) { return cl.send(a, r, s) }))
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
			cl.client.cfg.Limiter.pause(cl.req.lane, min(wait, maxRetryAfter))
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
	ctx, cancel := context.WithTimeout(ctx, cl.req.Deadline.Left())
	defer cancel()
	return cl.client.cfg.Limiter.wait(ctx, cl.req.lane)
}

// token returns a token that is not empty.
func (c *Client) token(ctx context.Context) (Token, error) {
	token, err := hostcall.Get("the TokenSource", func() (Token, error) { return c.cfg.Tokens.Token(ctx) })
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
	rejecter, ok := c.cfg.Tokens.(Rejecter)
	if !ok {
		return false
	}
	err := hostcall.Contain("the TokenSource", func() error { return rejecter.Reject(ctx, token) })
	if err != nil {
		c.log(ctx, slog.LevelWarn, "saltoks: rejecting the token failed", cl, 0, err)
	}
	return err == nil
}

// wrap puts the host's middleware around the transport of one attempt.
func (c *Client) wrap(next http.RoundTripper) (http.RoundTripper, error) {
	for _, m := range slices.Backward(c.cfg.Middleware) {
		if next = m(next); next == nil {
			return nil, errNilMiddleware
		}
	}
	return next, nil
}

// send passes a request to the transport.
func (cl *call) send(a *attempt, r *http.Request, s *sending) (*http.Response, error) {
	if s.handed.Load() && cl.req.Class == Never {
		return a.stop(r, errSecondSend)
	}
	if _, ok := r.Context().Deadline(); !ok {
		return a.stop(r, errContextDropped)
	}
	if !s.hand() {
		return a.stop(r, ErrSendBy)
	}
	if cl.req.Class != Safe || cl.req.Deadline != nil {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), s.hooks()))
	}
	return cl.transport.RoundTrip(r)
}

var (
	errSecondSend     = errors.New("a middleware tried to send a command twice")
	errContextDropped = errors.New("a middleware replaced the request's context: pass the same context on")
)

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
	limit := cl.client.cfg.MaxResponse
	if !success(a.status) {
		limit = min(limit, maxErrorBody)
	}
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = errTooLarge
	}
	a.body = trimBody(raw)
	a.parsed, a.unread = parseAnswer(a.header, a.body), err
}

const maxErrorBody = 64 << 10

var (
	errTooLarge = errors.New("the answer is larger than the client's limit")
	errUnread   = errors.New("the answer was not read to its end")
)
