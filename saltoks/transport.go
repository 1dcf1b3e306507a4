package saltoks

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"github.com/doorkit/doorkit/internal/hostcall"
)

// Middleware wraps the transport of every attempt, for tracing and metrics. It
// sits innermost: retry, limiter, auth, middleware, network. It must call next
// at most once, keep the request's context, and log neither the Authorization
// header nor the query nor the body.
type Middleware func(next http.RoundTripper) http.RoundTripper

// chain is what one attempt runs through: limiter, auth, middleware, base.
func (c *Client) chain(base http.RoundTripper, middleware []Middleware) (http.RoundTripper, error) {
	var next http.RoundTripper = baseTransport{base}
	for i := len(middleware) - 1; i >= 0; i-- {
		if next = middleware[i](next); next == nil {
			return nil, errNilMiddleware
		}
	}
	return limiterTransport{c.limiter, authTransport{c, next}}, nil
}

type limiterTransport struct {
	limiter *Limiter
	next    http.RoundTripper
}

func (t limiterTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	cl := callOf(r.Context())
	cl.begin()
	if err := t.wait(r.Context(), cl.req); err != nil {
		return nil, cl.stop(r, err)
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		if d, ok := retryAfter(resp.Header); ok {
			t.limiter.pause(cl.req.lane, min(d, maxRetryAfter))
		}
	}
	return resp, err
}

// wait tells a command at once when its turn would come too late to be sent: a
// person stands before the door.
func (t limiterTransport) wait(ctx context.Context, q *Request) error {
	if guard := q.guard; guard != nil {
		if guard.Over() {
			return ErrSendBy
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, guard.Left())
		defer cancel()
	}
	return t.limiter.wait(ctx, q.lane)
}

// authTransport fetches the token for every attempt anew, so that a retry
// after a long wait does not carry a stale one, and limits the attempt's time.
type authTransport struct {
	client *Client
	next   http.RoundTripper
}

func (t authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	cl := callOf(ctx)
	token, err := tokenOf(ctx, t.client.tokens)
	if err == nil && token.Access.IsZero() {
		err = errors.New("the token source gave an empty access token: it must return an error instead")
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, cl.stop(r, err)
	}
	cl.token = token.Access

	ctx, cancel := context.WithTimeout(ctx, t.client.attemptTimeout)
	defer func() {
		if cancel != nil { // an error, or a panic
			cancel()
		}
	}()
	if cl.req.Class != Safe {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GetConn:          func(string) { cl.traced.Store(true) },
			GotConn:          func(info httptrace.GotConnInfo) { cl.gotConn(cl.req.guard.Start(info.Conn)) },
			WroteHeaderField: func(string, []string) { cl.wrote.Store(true) },
		})
	}
	r = r.WithContext(ctx)
	r.Header = r.Header.Clone()
	r.Header.Set("Authorization", "Bearer "+token.Access.Reveal())

	resp, err := t.next.RoundTrip(r)
	if err == nil && resp == nil {
		err = errNoAnswer
	}
	if err != nil {
		return nil, err
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	resp.Body = &attemptBody{resp.Body, cancel}
	cancel = nil
	if resp.StatusCode == http.StatusUnauthorized {
		t.client.reject(r.Context(), cl, token)
	}
	return resp, nil
}

var errNoAnswer = errors.New("the transport or a middleware gave neither an answer nor an error")

// tokenOf is ts.Token.
func tokenOf(ctx context.Context, ts TokenSource) (token Token, err error) {
	err = hostcall.Contain("the TokenSource", func() error { token, err = ts.Token(ctx); return err })
	return token, err
}

// reject marks the token as stale, so that the next call works.
func (c *Client) reject(ctx context.Context, cl *call, token Token) {
	rejecter, ok := c.tokens.(Rejecter)
	if !ok {
		return
	}
	if err := hostcall.Contain("the TokenSource", func() error { return rejecter.Reject(ctx, token) }); err != nil {
		c.log(ctx, levelWarn, "saltoks: rejecting the token failed", cl, 0, err)
		return
	}
	cl.rejected = true
}

// attemptBody ends the attempt's time limit with its body.
type attemptBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *attemptBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}

// baseTransport notes that the network was reached: before that, nothing was
// sent.
type baseTransport struct{ next http.RoundTripper }

func (t baseTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	cl := callOf(r.Context())
	if cl.req.Class == Never && cl.attempts > 0 {
		return nil, cl.stop(r, errSecondSend)
	}
	if !cl.knownBase { // what is below may never tell when it has a connection
		if err := cl.req.guard.Start(nil); err != nil {
			return nil, cl.stop(r, err)
		}
	}
	cl.attempts++
	cl.reached.Store(true)
	return t.next.RoundTrip(r)
}

var errSecondSend = errors.New("a middleware tried to send a command twice")

// freshTransport is t with a new connection for every request and HTTP/1.1
// only: net/http repeats a request by itself only on a connection that was
// used before, or by HTTP/2's rules. The price is one handshake per command;
// TLS sessions are resumed.
func freshTransport(t *http.Transport) *http.Transport {
	f := t.Clone()
	f.DisableKeepAlives = true
	f.ForceAttemptHTTP2 = false
	f.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	f.Protocols = new(http.Protocols)
	f.Protocols.SetHTTP1(true)
	if f.TLSClientConfig == nil {
		f.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	f.TLSClientConfig.NextProtos = []string{"http/1.1"}
	if f.TLSClientConfig.ClientSessionCache == nil {
		f.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	}
	return f
}

// sameOrigin lets a redirect keep method, scheme, host and port, three times at
// most; any other 3xx becomes the answer, and so an APIError.
func sameOrigin(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || r.Method != first.Method || !sameHost(r.URL, first.URL) || r.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

func sameHost(a, b *url.URL) bool {
	return a.Hostname() == b.Hostname() && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// unrepeatable is an empty body that net/http does not know to be empty: over
// a transport whose connections are not ours to choose, it keeps net/http from
// repeating a request without a body.
type unrepeatable struct{}

func (unrepeatable) Read([]byte) (int, error) { return 0, io.EOF }
func (unrepeatable) Close() error             { return nil }
