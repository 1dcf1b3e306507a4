package saltoks

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/internal/httptransport"
)

// Option changes how a Client works.
type Option func(*config) error

type config struct {
	base           http.RoundTripper
	attemptTimeout time.Duration
	maxResponse    int64
	agent          string
	logger         *slog.Logger
	limiter        *Limiter
	middleware     []Middleware
	unverified     bool
}

// WithHTTPClient uses the transport of hc, and its timeout, if it has one, for
// every attempt. Cookies and redirect rules of hc are not used. A transport that
// is an *http.Transport is copied for commands, which need fresh connections;
// over another kind of transport, those connections are its own affair.
func WithHTTPClient(hc *http.Client) Option {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: nil client")
		}
		base := hc.Transport
		if base == nil {
			base = httptransport.Default()
		}
		if t, ok := base.(*http.Transport); ok && t.TLSClientConfig != nil {
			if v := t.TLSClientConfig.MinVersion; v != 0 && v < tls.VersionTLS12 {
				return errors.New("WithHTTPClient: its transport allows TLS below 1.2")
			}
		}
		c.base = base
		if hc.Timeout > 0 {
			c.attemptTimeout = hc.Timeout
		}
		return nil
	}
}

// WithAttemptTimeout limits one attempt, from the moment it may start to the
// end of its answer. The default is 30 seconds.
func WithAttemptTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return errors.New("WithAttemptTimeout: must be positive")
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithMaxResponse limits the bytes of one answer. The default is 16 MiB.
func WithMaxResponse(bytes int64) Option {
	return func(c *config) error {
		if bytes <= 0 {
			return errors.New("WithMaxResponse: must be positive")
		}
		c.maxResponse = bytes
		return nil
	}
}

// WithUserAgent puts a product, such as "myspace/1.2", before the library's own.
func WithUserAgent(product string) Option {
	return func(c *config) error {
		if product == "" || strings.ContainsFunc(product, func(r rune) bool { return r < ' ' || r > '~' }) {
			return errors.New("WithUserAgent: must be printable ASCII")
		}
		c.agent = product + " " + libraryAgent
		return nil
	}
}

// WithLogger writes one line per call: debug when it worked, warn when it did
// not. No URL, query, body or secret is in it. Without it nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		c.logger = hostcall.Logger(l)
		return nil
	}
}

// WithLimiter shares a Limiter between the clients of one credential. Without
// it a client has one of its own, with the defaults.
func WithLimiter(l *Limiter) Option {
	return func(c *config) error {
		if l == nil || l.lanes[commandLane].rate == nil {
			return errors.New("WithLimiter: nil or zero limiter: NewLimiter makes one")
		}
		c.limiter = l
		return nil
	}
}

// WithMiddleware adds to what every attempt runs through; the first one given
// is the outermost. It is applied once for reads and once for commands.
func WithMiddleware(m ...Middleware) Option {
	return func(c *config) error {
		for _, f := range m {
			if f == nil {
				return errors.New("WithMiddleware: nil middleware")
			}
		}
		c.middleware = append(c.middleware, m...)
		return nil
	}
}

// UnverifiedEndpoints enables Locks.SetSchedule, IQs.Deactivate and IQs.SetTree,
// whose form was never measured against SALTO (WIRE.md 2.4, 2.5 and 6).
func UnverifiedEndpoints() Option {
	return func(c *config) error {
		c.unverified = true
		return nil
	}
}

const libraryAgent = "doorkit-saltoks/0.1"

func newConfig(opts []Option) (*config, error) {
	c := &config{attemptTimeout: 30 * time.Second, maxResponse: 16 << 20, agent: libraryAgent}
	var faults []error
	for _, o := range opts {
		if o == nil {
			faults = append(faults, errors.New("nil option"))
		} else if err := o(c); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("saltoks: %w", faultlist.Join(faults))
	}
	if c.base == nil {
		c.base = httptransport.Default()
	}
	if c.limiter == nil {
		c.limiter, _ = NewLimiter(LimiterOptions{})
	}
	return c, nil
}
