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
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
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
	last     *APIError     // the last answer that led to a retry
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
	cl.local, cl.rejected = nil, false
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
	if err = cl.exchange(ctx, body); err == nil {
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
	case cl.client.closed.Load():
		return ErrClientClosed
	}
	return ctx.Err()
}

func encodeBody(r *Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := json.Marshal(r.Body)
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
			return cl.broken(err)
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
		return cl.broken(err)
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

func (cl *call) broken(error) error {
	cl.local = errors.New("the request's URL does not parse")
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

// judge turns an answer into success or an *APIError.
func (cl *call) judge(decode func(*answer) error) error {
	body := bytes.TrimSpace(cl.body.Bytes())
	if cl.status < 200 || cl.status > 299 {
		if cl.status == http.StatusNotFound && cl.doubt && cl.req.method == http.MethodDelete {
			return nil // an earlier attempt deleted it
		}
		return cl.answerError(cl.status, cl.header, body)
	}
	if cl.readErr != nil {
		return cl.unreadable(cl.readErr)
	}
	if len(body) > 0 && bytes.Contains(body, []byte("ErrorCode")) {
		if e := cl.answerError(cl.status, cl.header, body); e.Code != "" {
			return e
		}
	}
	if cl.req.Class == Never && len(body) > 0 && !json.Valid(body) {
		return cl.unreadable(errNotJSON)
	}
	if decode == nil {
		return nil
	}
	if err := decode(&answer{cl.status, cl.header, body, cl.attempts}); err != nil {
		return cl.unreadable(err)
	}
	return nil
}

// unreadable is a 2xx that cannot be believed.
func (cl *call) unreadable(err error) *APIError {
	e := cl.newError(cl.status, cl.header)
	e.cause = cl.scrub(err)
	return e
}

// failure is a call without an answer.
func (cl *call) failure(ctx context.Context, err error) *APIError {
	if cl.last != nil && ctx.Err() != nil && cl.local == nil {
		cl.last.cause, cl.last.Attempts = ctx.Err(), cl.attempts // ended while waiting to try again
		return cl.settle(cl.last)
	}
	e := cl.newError(cl.status, cl.header)
	e.cause = cl.scrub(err)
	return e
}

// answerError reads SALTO's error body.
func (cl *call) answerError(status int, header http.Header, body []byte) *APIError {
	e := cl.newError(status, header)
	b := parseErrorBody(body)
	e.Code, e.InnerCode = b.code, b.inner
	e.Message = clip(cl.hide(b.message), 300)
	if e.RequestID == "" {
		e.RequestID = clip(b.trace, 100)
	}
	e.outcome = undecided
	return cl.settle(e)
}

func (cl *call) newError(status int, header http.Header) *APIError {
	e := &APIError{
		Status: status, Method: cl.req.method, Route: cl.req.route,
		RequestID: requestID(header), Attempts: cl.attempts,
	}
	if d, ok := retryAfter(header); ok {
		e.RetryAfter = d
	}
	return cl.settle(e)
}

// settle fixes the outcome, so that later knowledge of the fields changes
// nothing.
func (cl *call) settle(e *APIError) *APIError {
	switch {
	case e.Status != 0:
		e.outcome = answered(e.Status, e.Code, e.InnerCode)
	case cl.unsure():
		e.outcome = unconfirmed
	default:
		e.outcome = notSent
	}
	switch {
	case cl.req.Class == Safe && e.outcome == unconfirmed:
		e.outcome = notSent // nothing that changes anything
	case cl.doubt:
		e.outcome = unconfirmed
	}
	return e
}

// refuse is the error of a call that never began.
func (c *Client) refuse(r *Request, err error) *APIError {
	return &APIError{Method: r.method, Route: r.route, outcome: notSent, cause: err}
}

// scrub drops the URL that net/http puts around an error and any secret in its
// text; what errors.Is finds stays.
func (cl *call) scrub(err error) error {
	for {
		u, ok := err.(*url.Error)
		if !ok {
			break
		}
		err = u.Err
	}
	text := err.Error()
	if clean := cl.hide(text); clean != text {
		return scrubbed{clean, err}
	}
	return err
}

func (cl *call) hide(text string) string {
	if t := cl.token.Reveal(); t != "" {
		text = strings.ReplaceAll(text, t, redacted)
	}
	for _, s := range cl.req.secrets {
		text = strings.ReplaceAll(text, s, redacted)
		text = strings.ReplaceAll(text, url.QueryEscape(s), redacted)
	}
	return text
}

type scrubbed struct {
	text  string
	below error
}

func (s scrubbed) Error() string        { return s.text }
func (s scrubbed) Is(target error) bool { return errors.Is(s.below, target) }
func (s scrubbed) As(target any) bool   { return errors.As(s.below, target) }

// log writes one line per call: the route's template, never a URL or a body.
func (c *Client) log(ctx context.Context, level slog.Level, message string, cl *call, took time.Duration, err error) {
	if c.logger == nil || !c.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", cl.req.method), slog.String("route", cl.req.route),
		slog.String("class", cl.req.Class.String()), slog.Int("status", cl.status),
		slog.Int("attempts", cl.attempts), slog.Duration("took", took),
	}
	if id := requestID(cl.header); id != "" {
		attrs = append(attrs, slog.String("request_id", id))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", cl.hide(err.Error())))
	}
	c.logger.LogAttrs(ctx, level, message, attrs...)
}
