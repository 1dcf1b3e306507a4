package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// recorder looks at the answers of the token endpoint and of commands, which the library
// sends. It keeps them in memory only.
type recorder struct {
	mu      sync.Mutex
	token   *tokenAnswer
	command *reply
}

// tokenAnswer is the last answer to a refresh.
type tokenAnswer struct {
	*reply
	rotated bool // the refresh token is a new one
}

// identity returns the transport for requests to the identity server.
func (r *recorder) identity() http.RoundTripper {
	return r.wrap(http.DefaultTransport.(*http.Transport).Clone(), r.refresh)
}

// refresh keeps the answer to a refresh.
func (r *recorder) refresh(req *http.Request, sent []byte, answer *reply) {
	form, err := url.ParseQuery(string(sent))
	if err == nil && req.Method == http.MethodPost && form.Get("grant_type") == "refresh_token" {
		refresh, _ := answer.object()["refresh_token"].(string)
		r.token = &tokenAnswer{answer, refresh != "" && refresh != form.Get("refresh_token")}
	}
}

// commands is the middleware that keeps the answer to a command.
func (r *recorder) commands(next http.RoundTripper) http.RoundTripper {
	return r.wrap(next, func(req *http.Request, _ []byte, answer *reply) {
		if strings.HasSuffix(req.URL.Path, "/locking") {
			r.command = answer
		}
	})
}

// wrap calls look with each answer of next, and passes the answer on unchanged.
func (r *recorder) wrap(next http.RoundTripper, look func(*http.Request, []byte, *reply)) http.RoundTripper {
	return transport(func(req *http.Request) (*http.Response, error) {
		var sent []byte
		if req.GetBody != nil {
			if body, err := req.GetBody(); err == nil {
				sent, _ = io.ReadAll(body)
				_ = body.Close()
			}
		}
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
		resp.Body = &replayed{bytes.NewReader(body), err, resp.Body}
		r.mu.Lock()
		defer r.mu.Unlock()
		look(req, sent, &reply{status: resp.StatusCode, header: resp.Header, body: body, err: err})
		return resp, nil
	})
}

type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// replayed is a body that was read already, with the error that ended it.
type replayed struct {
	*bytes.Reader
	err error
	io.Closer
}

// Read returns the bytes and then the error of the original body.
func (b *replayed) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.err != nil {
		err = b.err
	}
	return n, err
}

// lastToken and lastCommand return what was recorded last, or nil.
func (r *recorder) lastToken() *tokenAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token
}

func (r *recorder) lastCommand() *reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.command
}
