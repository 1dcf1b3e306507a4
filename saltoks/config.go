package saltoks

import (
	"cmp"
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

// Config configures a Client. Environment and Tokens are required; the zero
// value of every other field is its documented default.
type Config struct {
	// Environment names the hosts of one SALTO KS installation. Required.
	Environment Environment
	// Tokens supplies the access token of one SALTO user. Required.
	Tokens TokenSource
	// HTTPClient supplies the transport, and with its Timeout the default of
	// AttemptTimeout; its cookies and redirect rules are not used. If the
	// transport is an *http.Transport, commands use a copy of it that opens a
	// new connection for every request. The default is a transport of the
	// client's own.
	HTTPClient *http.Client
	// Limiter is shared between the clients of one credential. The default is a
	// limiter of the client's own with the default rates.
	Limiter *Limiter
	// Logger receives one line per call: debug level when it succeeded, warn
	// when it failed. No line holds a URL, a query, a body or a secret. The
	// default logs nothing.
	Logger *slog.Logger
	// Now is the clock to which times from SALTO are compared: those of entries
	// and of Retry-After. The default is time.Now.
	Now func() time.Time
	// UserAgent is a product such as "myspace/1.2", in printable ASCII. It is
	// sent before the library's own product.
	UserAgent string
	// AttemptTimeout limits one attempt, from the moment it has its token to the
	// end of its answer. The default is 30 seconds.
	AttemptTimeout time.Duration
	// MaxResponse limits the bytes of one answer. The default is 16 MiB.
	MaxResponse int64
	// Middleware wraps the transport of every attempt; the first one is the
	// outermost. Each is called for every attempt, and once by NewClient, which
	// fails if one returns nil.
	Middleware []Middleware
	// UnverifiedEndpoints enables Locks.SetSchedule, IQs.SetTree and
	// Raw().Deactivate, whose wire format is not verified against SALTO.
	UnverifiedEndpoints bool
}

const (
	defaultAttemptTimeout = 30 * time.Second
	defaultMaxResponse    = 16 << 20
	libraryAgent          = "doorkit-saltoks/0.1"
)

// complete checks the config and fills in its defaults. The error names every
// fault.
func (c *Config) complete() error {
	client := http.Client{}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	}
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	var faults faultlist.List
	faults.Add("", c.Environment.Validate())
	faults.Require(c.Tokens != nil, "Config.Tokens is missing")
	faults.Require(c.AttemptTimeout >= 0, "Config.AttemptTimeout is negative")
	faults.Require(c.MaxResponse >= 0, "Config.MaxResponse is negative")
	faults.Require(!strings.ContainsFunc(c.UserAgent, notPrintable), "Config.UserAgent is not printable ASCII")
	faults.Require(c.Limiter == nil || c.Limiter.ready(), "Config.Limiter is a zero value: create it with NewLimiter")
	faults.Require(!allowsOldTLS(client.Transport), "Config.HTTPClient allows TLS below 1.2")
	for i, m := range c.Middleware {
		faults.Require(m != nil, fmt.Sprintf("Config.Middleware[%d] is nil", i))
	}
	if err := faults.Err("saltoks"); err != nil {
		return err
	}

	if client.Transport == nil {
		client.Transport = httptransport.Default()
	}
	c.HTTPClient = &client
	c.AttemptTimeout = cmp.Or(c.AttemptTimeout, max(0, client.Timeout), defaultAttemptTimeout)
	c.MaxResponse = cmp.Or(c.MaxResponse, defaultMaxResponse)
	c.UserAgent = strings.TrimPrefix(c.UserAgent+" "+libraryAgent, " ")
	if c.Limiter == nil {
		limiter, err := NewLimiter(LimiterConfig{})
		if err != nil {
			return err
		}
		c.Limiter = limiter
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Logger = hostcall.Logger(c.Logger)
	return nil
}

func allowsOldTLS(rt http.RoundTripper) bool {
	t, ok := rt.(*http.Transport)
	if !ok || t.TLSClientConfig == nil {
		return false
	}
	least := t.TLSClientConfig.MinVersion
	return least != 0 && least < tls.VersionTLS12
}

var errNilMiddleware = errors.New("saltoks: Config.Middleware: a middleware returned nil")
