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
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// call is one call of the client. It is the http.RoundTripper of its attempts.
type call struct {
	client    *Client
	req       *Request
	transport http.RoundTripper
	// stdTransport is true if transport is an *http.Transport, not the host's own type.
	stdTransport bool
	attempts     []*attempt

	retries int           // retries after failures
	wait    time.Duration // before the next attempt
	renewed bool          // the one retry with another token was made
}

// run makes the call and passes a successful answer to decode, which may be nil.
// Every error is an *APIError.
func (c *Client) run(ctx context.Context, r *Request, decode func(*attempt) error) error {
	cl := &call{client: c, req: r, transport: c.transport, stdTransport: c.stdTransport}
	if r.Class == Never {
		cl.transport = c.commands
	}
	if err := cl.ready(ctx); err != nil {
		return c.refuse(r, err)
	}
	body, err := encodeBody(r)
	if err != nil {
		return c.refuse(r, err)
	}
	start := time.Now()
	err = hostcall.Contain("a transport or a middleware", func() error { return cl.exchange(ctx, body) })
	err = cl.result(err, decode)
	if err == nil {
		c.budget.refund()
		c.log(ctx, slog.LevelDebug, "saltoks: call", cl, time.Since(start), nil)
		return nil
	}
	level := slog.LevelWarn
	if ctx.Err() != nil {
		level = slog.LevelDebug // the caller canceled the call
	}
	c.log(ctx, level, "saltoks: call failed", cl, time.Since(start), err)
	return err
}

func (cl *call) ready(ctx context.Context) error {
	if err := cl.req.faults.Err(""); err != nil {
		return err
	}
	switch {
	case cl.req.Class > Safe:
		return errors.New("the request's Class must be Never, Idempotent or Safe")
	case cl.client.closed.Load():
		return ErrClientClosed
	case cl.req.Deadline.Left() <= 0:
		return ErrSendBy
	}
	return ctx.Err()
}

func encodeBody(r *Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := json.Marshal(r.Body)
	if m, ok := errors.AsType[*json.MarshalerError](err); ok {
		err = m.Err
	}
	if err != nil {
		return nil, fmt.Errorf("the request's body: %w", err)
	}
	return body, nil
}

// exchange makes the attempts. A Never call has a separate path without a loop:
// one RoundTrip, no redirect, no retry.
func (cl *call) exchange(ctx context.Context, body []byte) error {
	target := cl.client.base + cl.req.path
	if q := encodeQuery(cl.req.Query); q != "" {
		target += "?" + q
	}
	first, err := http.NewRequestWithContext(ctx, cl.req.method, target, nil)
	if err != nil { // net/http's own error quotes the URL
		return errors.New("the request's method or URL is not valid")
	}
	first.Header.Set("Accept", "application/json")
	first.Header.Set("User-Agent", cl.client.cfg.UserAgent)
	if len(body) > 0 {
		first.Header.Set("Content-Type", "application/json")
	}
	if cl.req.continuation != "" {
		first.Header.Set("CLP-Continuation-Token", cl.req.continuation)
	}
	if cl.req.Class == Never {
		return cl.once(first, body)
	}
	r, err := retryablehttp.FromRequest(first)
	if err == nil && len(body) > 0 {
		err = r.SetBody(body)
	}
	if err != nil {
		return err
	}
	retry := retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: cl, CheckRedirect: sameOrigin},
		Logger:       nil,
		RetryWaitMin: firstWait,
		RetryWaitMax: maxRetryAfter,
		RetryMax:     maxRetries,
		CheckRetry:   cl.checkRetry,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return cl.wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	resp, err := retry.Do(r)
	if resp != nil {
		_ = resp.Body.Close()
	}
	return err
}

// once sends a body that net/http cannot send again.
func (cl *call) once(r *http.Request, body []byte) error {
	switch {
	case len(body) > 0:
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	case !cl.stdTransport:
		r.Body = unrepeatable{}
	}
	resp, err := cl.RoundTrip(r)
	if resp != nil {
		_ = resp.Body.Close()
	}
	return err
}

// last returns the last attempt, or an empty one before the first.
func (cl *call) last() *attempt {
	if len(cl.attempts) == 0 {
		return &attempt{}
	}
	return cl.attempts[len(cl.attempts)-1]
}

// sent counts the requests that were passed to the transport.
func (cl *call) sent() (n int) {
	for _, a := range cl.attempts {
		if a.handed {
			n++
		}
	}
	return n
}

// result turns the attempts into success or an *APIError. err is the error that
// ended the exchange, if any.
func (cl *call) result(err error, decode func(*attempt) error) error {
	a := cl.last()
	o := outcomeOf(cl.req, cl.attempts)
	if o == accepted {
		if err == nil && decode != nil && a.status != http.StatusNotFound { // a 404 here: an earlier attempt deleted it
			err = decode(a)
		}
		if err == nil {
			return nil
		}
		if o = unconfirmed; cl.req.Class == Safe {
			o = notSent
		}
	}
	e := cl.newError(a)
	e.outcome = o
	if err == nil {
		err = a.explanation(cl.req)
	}
	if err != nil {
		err = cl.scrub(err)
	}
	e.cause = cl.nameEnvironment(a, e, err)
	return e
}

// nameEnvironment adds the configured URL to the error if that URL may be
// wrong: the connection failed, or the answer does not look like SALTO's.
func (cl *call) nameEnvironment(a *attempt, e *APIError, err error) error {
	noCode := (a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed) && e.Code == "" && e.InnerCode == ""
	switch {
	case a.handed && a.status == 0 && !a.maybeSent && !isLimit(err):
		return fmt.Errorf("no connection to Environment.API %s: %w", cl.client.base, err)
	case errors.Is(err, errNotJSON), a.status != 0 && a.parsed.message == messageHTML, noCode && err == nil:
		const hint = "check that Environment.API %s is the Connect API"
		if err == nil {
			return fmt.Errorf(hint, cl.client.base)
		}
		return fmt.Errorf("%w: "+hint, err, cl.client.base)
	}
	return err
}

// isLimit reports whether a context or a send deadline ended the attempt.
func isLimit(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrSendBy)
}

// explanation returns why an answer is not a success, if its status and code do
// not show the reason.
func (a *attempt) explanation(r *Request) error {
	if a.unread != nil || !success(a.status) {
		return a.unread
	}
	switch b := a.parsed; {
	case b.code != "":
		return nil
	case b.notJSON:
		return errNotJSON
	case b.failed:
		return errors.New("the answer reports a failure")
	case r.state != "" && b.state != "":
		return errors.New("the answer shows another state of the lock")
	}
	return nil
}

// newError describes the answer of an attempt, if it has one.
func (cl *call) newError(a *attempt) *APIError {
	e := &APIError{
		Status: a.status, Method: cl.req.method, Route: cl.req.route,
		RequestID: clip(cl.hide(requestID(a.header)), 100), Attempts: cl.sent(),
	}
	if d, ok := cl.client.retryAfter(a.header); ok {
		e.RetryAfter = d
	}
	if a.status == 0 || success(a.status) && a.unread != nil {
		return e
	}
	b := a.parsed
	if success(a.status) && b.code == "" && !b.failed {
		return e
	}
	e.Code, e.InnerCode = clip(cl.hide(b.code), 32), b.inner
	if innerCauses[b.inner] == nil {
		e.InnerCode = cl.hide(b.inner)
	}
	e.Message = clip(cl.hide(b.message), 300)
	if e.RequestID == "" {
		e.RequestID = clip(cl.hide(b.trace), 100)
	}
	return e
}

// refuse returns the error of a call that was not started.
func (c *Client) refuse(r *Request, err error) *APIError {
	return &APIError{Method: r.method, Route: r.route, outcome: notSent, cause: err}
}

// scrub removes the URL that net/http adds to an error, and any secret in its
// text. errors.Is and errors.As work as before.
func (cl *call) scrub(err error) error {
	for {
		u, ok := err.(*url.Error) //nolint:errorlint // only the outermost ones, which net/http adds
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

// hide removes the call's secrets from a text. Call it before the text is
// shortened: it would not find a part of a secret.
func (cl *call) hide(text string) string {
	secrets := slices.Clip(cl.req.secrets)
	for _, a := range cl.attempts {
		secrets = append(secrets, a.token.Reveal())
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(s), redacted)
		}
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
	if !c.cfg.Logger.Enabled(ctx, level) {
		return
	}
	a := cl.last()
	attrs := []slog.Attr{
		slog.String("method", cl.req.method), slog.String("route", cl.req.route),
		slog.String("class", cl.req.Class.String()), slog.Int("status", a.status),
		slog.Int("attempts", cl.sent()), slog.Duration("took", took),
	}
	if id := clip(cl.hide(requestID(a.header)), 100); id != "" {
		attrs = append(attrs, slog.String("request_id", id))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", cl.hide(err.Error())))
	}
	c.cfg.Logger.LogAttrs(ctx, level, message, attrs...)
}
