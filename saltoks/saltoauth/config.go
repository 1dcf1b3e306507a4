package saltoauth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Config configures an Authorizer. Environment, Credentials and State are
// required; the zero value of every other field is its documented default.
type Config struct {
	// Environment names the hosts of one SALTO KS installation. Required.
	Environment saltoks.Environment
	// Credentials is what SALTO issued, with the RedirectURL. Required.
	Credentials Credentials
	// State stores the connections. Required.
	State *saltostate.State
	// HTTPClient supplies the transport (proxy, TLS roots, a simulator) for the
	// identity server. Its timeout, redirect rules and cookies are not used: a
	// token request is one request. The default is a separate transport.
	HTTPClient *http.Client
	// Logger receives refreshes and failures. No line holds a token, a secret,
	// a code or a query. The default logs nothing.
	Logger *slog.Logger
	// Now is the clock. The default is time.Now.
	Now func() time.Time
	// WarnAfter is the age of a consent from which Connection.Due reports true.
	// SALTO does not publish how long it accepts a consent. The default is 75
	// days.
	WarnAfter time.Duration
	// TraceRefresh, if set, is called before each request to refresh tokens. It
	// returns the context of the request, which is ctx or a child of ctx with values
	// only, and a function that is called with the result once the tokens are saved.
	// It must return quickly; a panic in it is contained. A request may outlive the
	// call that made it necessary.
	TraceRefresh func(ctx context.Context) (context.Context, func(err error))
}

// PasswordConfig configures a PasswordSource. Environment, Credentials, User
// and Password are required; the other fields are those of Config.
type PasswordConfig struct {
	// Environment names the hosts of one SALTO KS installation. Required.
	Environment saltoks.Environment
	// Credentials is what SALTO issued, without a RedirectURL. Required.
	Credentials Credentials
	// User is the user name of the SALTO system user. Required.
	User string
	// Password returns the password of User, each time it is needed. Required.
	Password PasswordFunc
	// HTTPClient is as in Config.
	HTTPClient *http.Client
	// Logger is as in Config.
	Logger *slog.Logger
	// Now is as in Config.
	Now func() time.Time
	// TraceRefresh is as in Config, for each password grant.
	TraceRefresh func(ctx context.Context) (context.Context, func(err error))
}

// Credentials is what SALTO's local business unit issues to an integration
// (WIRE.md 1.2; there is no self-service).
type Credentials struct {
	// ClientID is the OAuth client id. Required.
	ClientID string
	// ClientSecret is empty for a public client, which uses PKCE alone.
	ClientSecret saltoks.Secret
	// RedirectURL is the registered callback, exactly as registered. It is
	// required by an Authorizer and not used by PasswordSource.
	RedirectURL string
	// SecretInBody sends the secret as a form field instead of HTTP Basic.
	SecretInBody bool
}

// PasswordFunc returns the password of the SALTO system user at the moment it is
// needed, for example from a secret manager.
type PasswordFunc func(ctx context.Context) (saltoks.Secret, error)

// FixedPassword returns a PasswordFunc for a password that the host holds in
// memory.
func FixedPassword(password saltoks.Secret) PasswordFunc {
	return func(context.Context) (saltoks.Secret, error) { return password, nil }
}

// complete checks the config and fills in its defaults. The error names every
// fault.
func (c *Config) complete() error {
	var faults faultlist.List
	faults.Add("", c.Environment.Validate())
	faults.Require(c.Credentials.ClientID != "", missingClientID)
	faults.Add("Credentials.RedirectURL", checkRedirect(c.Credentials.RedirectURL))
	faults.Require(!c.State.IsZero(), "Config.State is missing: create it with saltostate.New")
	faults.Require(c.WarnAfter >= 0, "Config.WarnAfter is negative")
	c.WarnAfter = cmp.Or(c.WarnAfter, defaultWarnAfter)
	return faults.Err("saltoauth")
}

const missingClientID = "Credentials.ClientID is missing"

// check names every fault.
func (c PasswordConfig) check() error {
	var faults faultlist.List
	faults.Add("", c.Environment.Validate())
	faults.Require(c.Credentials.ClientID != "", missingClientID)
	faults.Require(c.User != "", "PasswordConfig.User is missing")
	faults.Require(c.Password != nil, "PasswordConfig.Password is missing: use FixedPassword for a fixed password")
	return faults.Err("saltoauth")
}

// checkRedirect allows a query, because the callback is registered literally.
func checkRedirect(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("is not a URL")
	}
	u.RawQuery = ""
	_, err = baseurl.Parse(u.String())
	return err
}
