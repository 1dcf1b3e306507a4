package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// prober sends requests as they are, and keeps the answers. The typed client would hide
// what verify compares: headers, bodies of errors, the types of fields.
type prober struct {
	env     saltoks.Environment
	http    *http.Client
	token   func(context.Context) (string, error) // nil before the login
	pause   time.Duration                         // between two requests
	last    time.Time
	cache   map[string]*reply
	replies []*reply
	// unanswered is set when a request got no answer; verify resets it for each fact.
	unanswered bool
}

func newProber(env saltoks.Environment, token func(context.Context) (string, error), pause time.Duration) *prober {
	return &prober{
		env: env, token: token, pause: pause, cache: map[string]*reply{},
		http: &http.Client{
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// request is one request. The zero authorization is the token of the session.
type request struct {
	method string // "" is GET
	url    string
	query  string // in the form "$top=1&$skip=2", not escaped
	header map[string]string
	form   url.Values
	body   string // of a request that is no form
	auth   string // "none", "Bearer x", or "" for the token
}

// reply is an answer, or the error of a request without one.
type reply struct {
	request
	status int
	header http.Header
	body   []byte
	err    error
}

// send sends a request, or returns the reply of an equal one that was sent before.
func (p *prober) send(ctx context.Context, q request) *reply {
	key := fmt.Sprintf("%q %q %q %q %q %q", q.method, q.url, q.query, q.auth, q.body+q.form.Encode(), q.header)
	r := p.cache[key]
	if r == nil {
		r = p.again(ctx, q)
		p.cache[key] = r
	}
	p.unanswered = p.unanswered || r.err != nil
	return r
}

// again sends a request whether or not an equal one was sent before. A 429 is repeated
// once, after the time that it names.
func (p *prober) again(ctx context.Context, q request) *reply {
	r := p.try(ctx, q)
	if wait := r.retryAfter(); r.status == http.StatusTooManyRequests && wait > 0 && wait <= time.Minute {
		p.replies = append(p.replies, r)
		if sleep(ctx, wait) == nil {
			r = p.try(ctx, q)
		}
	}
	p.replies = append(p.replies, r)
	p.unanswered = p.unanswered || r.err != nil
	return r
}

func (p *prober) try(ctx context.Context, q request) *reply {
	r := &reply{request: q}
	if r.err = sleep(ctx, time.Until(p.last.Add(p.pause))); r.err != nil {
		return r
	}
	req, err := p.build(ctx, q)
	if err != nil {
		r.err = err
		return r
	}
	resp, err := p.http.Do(req)
	p.last = time.Now()
	if err != nil {
		r.err = err
		return r
	}
	defer func() { _ = resp.Body.Close() }()
	r.status, r.header = resp.StatusCode, resp.Header
	r.body, r.err = io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return r
}

func (p *prober) build(ctx context.Context, q request) (*http.Request, error) {
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	body := strings.NewReader(q.body + q.form.Encode()) // one of them is empty
	req, err := http.NewRequestWithContext(ctx, method, q.url, body)
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = escapeQuery(q.query)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "ks/1")
	if q.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	switch {
	case q.auth == "none":
	case q.auth != "":
		req.Header.Set("Authorization", q.auth)
	case p.token != nil:
		token, err := p.token(ctx)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// escapeQuery escapes the values of "name=value&name=value".
func escapeQuery(query string) string {
	if query == "" {
		return ""
	}
	var parts []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		parts = append(parts, name+"="+url.QueryEscape(value))
	}
	return strings.Join(parts, "&")
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// json decodes the body; it returns nil for a body that is not JSON. A byte order mark is
// ignored.
func (r *reply) json() any {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(r.body, []byte("\ufeff"))))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// object returns the body if it is a JSON object, else nil.
func (r *reply) object() map[string]any {
	o, _ := r.json().(map[string]any)
	return o
}

// items returns the objects of a list, in an envelope or as a bare array.
func (r *reply) items() []map[string]any {
	list, ok := r.json().([]any)
	if !ok {
		list, _ = r.object()["items"].([]any)
	}
	return objects(list)
}

func objects(list []any) []map[string]any {
	var all []map[string]any
	for _, x := range list {
		if o, ok := x.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

// code returns the ErrorCode of an error body as text.
func (r *reply) code() string {
	switch v := r.object()["ErrorCode"].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (r *reply) retryAfter() time.Duration {
	n, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// summary describes a reply without any of its content.
func (r *reply) summary() string {
	switch {
	case r.err != nil:
		return "no answer"
	case r.code() != "":
		return strconv.Itoa(r.status) + " with code " + r.code()
	case len(r.body) == 0:
		return strconv.Itoa(r.status) + " without a body"
	case r.json() == nil:
		return strconv.Itoa(r.status) + " with a body that is not JSON"
	}
	return strconv.Itoa(r.status)
}
