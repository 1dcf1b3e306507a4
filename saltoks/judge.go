package saltoks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
)

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
	if cl.req.Class != Safe && len(body) > 0 && !json.Valid(body) {
		return cl.unreadable(errNotJSON)
	}
	if decode == nil {
		return nil
	}
	a := &answer{cl.status, cl.header, body, cl.attempts}
	if err := hostcall.Contain("what the answer is decoded into", func() error { return decode(a) }); err != nil {
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
	if cl.last != nil && ctx.Err() != nil { // ended while waiting to try again
		cl.last.cause, cl.last.Attempts = ctx.Err(), cl.attempts
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
	e.Code, e.InnerCode = clip(cl.hide(b.code), 32), cl.hide(b.inner)
	e.Message = clip(cl.hide(b.message), 300)
	if e.RequestID == "" {
		e.RequestID = clip(cl.hide(b.trace), 100)
	}
	e.outcome = undecided
	return cl.settle(e)
}

func (cl *call) newError(status int, header http.Header) *APIError {
	e := &APIError{
		Status: status, Method: cl.req.method, Route: cl.req.route,
		RequestID: clip(cl.hide(requestID(header)), 100), Attempts: cl.attempts,
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

// hide takes the call's secrets out of a text. It comes before anything that
// cuts the text, as half a secret would stay.
func (cl *call) hide(text string) string {
	for _, s := range append(slices.Clip(cl.req.secrets), cl.token.Reveal()) {
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
	if c.logger == nil || !c.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", cl.req.method), slog.String("route", cl.req.route),
		slog.String("class", cl.req.Class.String()), slog.Int("status", cl.status),
		slog.Int("attempts", cl.attempts), slog.Duration("took", took),
	}
	if id := clip(cl.hide(requestID(cl.header)), 100); id != "" {
		attrs = append(attrs, slog.String("request_id", id))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", cl.hide(err.Error())))
	}
	c.logger.LogAttrs(ctx, level, message, attrs...)
}
