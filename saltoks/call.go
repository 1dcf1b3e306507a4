package saltoks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/doorkit/doorkit/internal/hostcall"
)

const (
	levelDebug = slog.LevelDebug
	levelWarn  = slog.LevelWarn
)

// call is one call of the client with all its attempts. The layers of the
// chain find it in the request's context.
type call struct {
	client *Client
	req    *Request

	attempts int           // requests that reached the network
	retries  int           // attempts granted after the first
	token    Secret        // of the last attempt
	local    error         // our own layers stopped the attempt before the network
	last     *APIError     // between two attempts: the answer that led to the next
	wait     time.Duration // before the next attempt
	doubt    bool          // an earlier attempt may have been carried out
	rejected bool          // the last attempt's token was marked stale
	renewed  bool          // and the one retry for it is used

	status    int
	header    http.Header
	body      *bytes.Buffer
	readErr   error
	reached   atomic.Bool // the network was reached
	traced    atomic.Bool // net/http is below and reports
	wrote     atomic.Bool // the first byte may be on its way
	barred    atomic.Bool // the connection was closed before the first byte
	knownBase bool        // net/http is below for sure
}

// answer is what a call's decoder sees of a 2xx.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	attempts int
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// begin starts an attempt.
func (cl *call) begin() {
	cl.local, cl.last, cl.rejected = nil, nil, false
	cl.status, cl.header = 0, nil
	cl.reached.Store(false)
	cl.traced.Store(false)
	cl.wrote.Store(false)
	cl.barred.Store(false)
}

// gotConn is called before the first byte; with an error, the connection was
// closed and takes none.
func (cl *call) gotConn(err error) {
	if err != nil {
		cl.barred.Store(true)
	}
}

// stop ends an attempt before the network.
func (cl *call) stop(r *http.Request, err error) error {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	cl.local = err
	return err
}

// unsure reports that the attempt's bytes may have been sent. It needs proof
// of the contrary: net/http's own report, where it is the one below.
func (cl *call) unsure() bool {
	if cl.req.Class == Safe || !cl.reached.Load() || cl.barred.Load() {
		return false
	}
	return cl.wrote.Load() || !(cl.knownBase || cl.traced.Load())
}

// run makes the call and hands a good answer to decode, whose body is only
// valid until it returns. Every error is an *APIError.
func (c *Client) run(ctx context.Context, r *Request, decode func(*answer) error) error {
	cl := &call{client: c, req: r, knownBase: c.knownBase}
	if err := cl.ready(ctx); err != nil {
		return c.refuse(r, err)
	}
	body, err := encodeBody(r)
	if err != nil {
		return c.refuse(r, err)
	}
	start := time.Now()
	cl.body = c.buffers.Get().(*bytes.Buffer)
	cl.body.Reset()
	defer func() {
		if cl.body.Cap() <= 1<<20 {
			c.buffers.Put(cl.body)
		}
	}()
	ctx = context.WithValue(ctx, callKey{}, cl)
	err = hostcall.Contain("a transport or a middleware", func() error { return cl.exchange(ctx, body) })
	if err == nil {
		err = cl.judge(decode)
	} else {
		err = cl.failure(ctx, err)
	}
	if err == nil {
		c.budget.refund()
		c.log(ctx, levelDebug, "saltoks: call", cl, time.Since(start), nil)
		return nil
	}
	level := levelWarn
	if ctx.Err() != nil {
		level = levelDebug // the caller gave up
	}
	c.log(ctx, level, "saltoks: call failed", cl, time.Since(start), err)
	return err
}

func (cl *call) ready(ctx context.Context) error {
	switch {
	case cl.req.err != nil:
		return cl.req.err
	case cl.req.Class > Safe:
		return errors.New("the request's Class is none of Never, Idempotent and Safe")
	case cl.client.closed.Load():
		return ErrClientClosed
	}
	return ctx.Err()
}

func encodeBody(r *Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	var body []byte
	err := hostcall.Contain("the request's Body", func() (err error) { body, err = json.Marshal(r.Body); return err })
	if p, ok := errors.AsType[*PanicError](err); ok {
		return nil, p
	}
	if m, ok := errors.AsType[*json.MarshalerError](err); ok {
		return nil, fmt.Errorf("the request's body: %w", m.Err)
	}
	if err != nil {
		return nil, errors.New("the request's body does not encode as JSON")
	}
	return body, nil
}

// exchange sends and reads. A Never call takes a path of its own that holds no
// loop: one RoundTrip, no redirect, no retry.
func (cl *call) exchange(ctx context.Context, body []byte) error {
	c := cl.client
	target := c.base + cl.req.path
	if q := encodeQuery(cl.req.Query); q != "" {
		target += "?" + q
	}
	if cl.req.Class == Never {
		r, err := http.NewRequestWithContext(ctx, cl.req.method, target, nil)
		if err != nil {
			return cl.broken()
		}
		switch {
		case len(body) > 0:
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		case !cl.knownBase:
			r.Body = unrepeatable{}
		}
		c.head(r.Header, len(body) > 0)
		resp, err := c.commands.RoundTrip(r)
		if err != nil {
			return err
		}
		cl.readErr = cl.read(resp)
		return nil
	}
	var raw any
	if len(body) > 0 {
		raw = body
	}
	r, err := retryablehttp.NewRequestWithContext(ctx, cl.req.method, target, raw)
	if err != nil {
		return cl.broken()
	}
	c.head(r.Header, len(body) > 0)
	if cl.req.continuation != "" {
		r.Header["Clp-Continuation-Token"] = []string{cl.req.continuation}
	}
	r.SetResponseHandler(cl.read)
	retry := retryablehttp.Client{
		HTTPClient:   c.reads,
		Logger:       nil,
		RetryWaitMin: firstWait,
		RetryWaitMax: maxRetryAfter,
		RetryMax:     maxRetries,
		CheckRetry:   cl.check,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return cl.wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	resp, err := retry.Do(r)
	if resp != nil {
		_ = resp.Body.Close()
	}
	return err
}

// broken keeps the text of the error out: it quotes the URL.
func (cl *call) broken() error {
	cl.local = errors.New("the request's method or URL is not valid")
	return cl.local
}

func (c *Client) head(h http.Header, body bool) {
	h["Accept"] = c.accept
	h["User-Agent"] = c.agent
	if body {
		h["Content-Type"] = c.contentType
	}
}

// read takes in an answer up to the size limit. The error of a 2xx counts;
// another status speaks for itself.
func (cl *call) read(resp *http.Response) error {
	defer resp.Body.Close()
	cl.status, cl.header = resp.StatusCode, resp.Header
	good := resp.StatusCode >= 200 && resp.StatusCode < 300
	limit := cl.client.maxResponse
	if !good {
		limit = min(limit, maxErrorBody)
	}
	cl.body.Reset()
	if n := resp.ContentLength; n > 0 && n <= limit {
		cl.body.Grow(int(n) + bytes.MinRead)
	}
	n, err := cl.body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	if !good {
		return nil
	}
	return err
}

const maxErrorBody = 64 << 10

var errTooLarge = errors.New("the answer is larger than the client's limit")
