package saltoks

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
)

// Middleware wraps the transport of an attempt, for tracing and metrics. It is
// called for every attempt, with a transport for that attempt only, so keep
// longer-lived state outside of it. The returned transport must call next at
// most once, keep the request's context, and log neither the Authorization
// header nor the query nor the body.
type Middleware func(next http.RoundTripper) http.RoundTripper

// transportFunc adapts a function to http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// freshTransport copies t to one that opens a new connection for every request,
// with HTTP/1.1 only: net/http can repeat a request automatically on a reused
// connection, and as the rules of HTTP/2 allow. The cost is one handshake per
// command; TLS sessions are resumed.
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

// sameOrigin follows at most three redirects, which must keep the method,
// scheme, host and port. Any other 3xx is the final answer and results in an
// APIError.
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

// unrepeatable is an empty body that net/http does not recognize as empty. It
// is sent through transports other than *http.Transport, whose connections
// cannot be controlled: it keeps net/http below them from repeating a request
// without a body.
type unrepeatable struct{}

func (unrepeatable) Read([]byte) (int, error) { return 0, io.EOF }
func (unrepeatable) Close() error             { return nil }
