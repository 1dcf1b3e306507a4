package saltoauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

// Login is a consent that was started: the URL to redirect the person to, and
// the secrets that prove that the callback belongs to it. Keep it on the
// server; SealLogin encodes it for a cookie or a session. It prints without its
// secrets.
type Login struct {
	// Expires is when Complete and Reconnect stop accepting it, 10 minutes
	// after its start (UTC).
	Expires time.Time

	url     saltoks.Secret // state and nonce are in its query
	pending pendingLogin
}

// pendingLogin is what SealLogin encodes of a Login: its URL was already used.
type pendingLogin struct {
	Expires   time.Time           `json:"expires"`
	State     storedsecret.Secret `json:"state"`
	Nonce     storedsecret.Secret `json:"nonce"`
	Verifier  storedsecret.Secret `json:"verifier"`
	Reconnect string              `json:"reconnect,omitempty"` // the connection to renew; "" for a new one
}

// URL is the page at SALTO to redirect the person to; "" for a login that
// OpenLogin returned. It holds the state and the nonce: do not log it.
func (l Login) URL() string { return l.url.Reveal() }

// Format writes the host of the login page and the expiry, for every verb.
func (l Login) Format(f fmt.State, _ rune) {
	host := "an unknown host"
	if u, err := url.Parse(l.URL()); err == nil && u.Host != "" {
		host = u.Host
	}
	fmt.Fprintf(f, "login at %s until %s", host, l.Expires.UTC().Format(time.RFC3339))
}

// LogValue returns the text that Format writes.
func (l Login) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(l)) }

// MarshalText always fails, so that JSON and XML never hold a Login. Store one
// with SealLogin.
func (l Login) MarshalText() ([]byte, error) { return nil, errLoginEncoding }

// GobEncode always fails, as MarshalText does.
func (l Login) GobEncode() ([]byte, error) { return nil, errLoginEncoding }

var errLoginEncoding = errors.New("saltoauth: a Login holds secrets and is not encoded: store it with SealLogin")

// Begin starts a consent: it reads the URL of SALTO's login page and generates
// a state, a nonce and a PKCE verifier (S256). Redirect the person to Login.URL
// and pass the callback's query to Complete.
func (a *Authorizer) Begin(ctx context.Context) (Login, error) { return a.begin(ctx, "") }

func (a *Authorizer) begin(ctx context.Context, reconnect string) (Login, error) {
	m, err := a.id.oidc.Metadata(ctx)
	if err != nil {
		return Login{}, err
	}
	p := pendingLogin{
		Expires:   a.id.now().Add(loginTime).UTC(),
		State:     storedsecret.New(saltoks.NewSecret(rand.Text())),
		Nonce:     storedsecret.New(saltoks.NewSecret(rand.Text())),
		Verifier:  storedsecret.New(saltoks.NewSecret(oauth2.GenerateVerifier())),
		Reconnect: reconnect,
	}
	return Login{Expires: p.Expires, url: a.id.loginPage(m, p), pending: p}, nil
}

// verb is the button that the person pressed.
func (l Login) verb() string {
	if l.pending.Reconnect != "" {
		return "Reconnect"
	}
	return "Connect"
}

// failed adds to an error the button that the person should press again.
func (l Login) failed(err error) error { return fmt.Errorf("%w; press %s again", err, l.verb()) }

// SealLogin encodes l for a cookie or a session. The text is encrypted and
// bound to bind (a tenant, a session id): OpenLogin requires the same bind. It
// has about 500 bytes: letters, digits, '-' and '_'.
func (a *Authorizer) SealLogin(ctx context.Context, l Login, bind string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	plain, err := json.Marshal(l.pending)
	if err != nil {
		return "", fmt.Errorf("saltoauth: encoding a login: %w", err)
	}
	sealed, err := a.state.Seal(ctx, plain, a.loginAdditional(bind))
	if err != nil {
		return "", fmt.Errorf("saltoauth: sealing a login: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenLogin is the reverse of SealLogin. It fails with ErrStateMismatch if the
// text was changed, or was sealed for another bind or with a key that the
// Sealer does not have (the log names the cause). It fails with ErrLoginExpired
// after Expires. The login's URL is not kept.
func (a *Authorizer) OpenLogin(ctx context.Context, text, bind string) (Login, error) {
	if err := ctx.Err(); err != nil {
		return Login{}, err
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(text) > 8<<10 || strings.ContainsAny(text, "\r\n") {
		return Login{}, ErrStateMismatch
	}
	plain, err := a.state.Open(ctx, sealed, a.loginAdditional(bind))
	if err != nil {
		// err quotes the key ID from the cookie, which any client can set: it is
		// only logged.
		a.id.log.LogAttrs(ctx, slog.LevelWarn, "a pending login could not be opened", slog.String("error", err.Error()))
		return Login{}, ErrStateMismatch
	}
	var l Login
	if json.Unmarshal(plain, &l.pending) != nil {
		return Login{}, ErrStateMismatch
	}
	l.Expires = l.pending.Expires
	if !a.id.now().Before(l.Expires) {
		return Login{}, l.failed(ErrLoginExpired)
	}
	return l, nil
}

func (a *Authorizer) loginAdditional(bind string) []byte {
	return fmt.Appendf(nil, "saltoks/login\x00%s\x00%s\x00%s", a.id.env.Issuer, a.id.creds.ClientID, bind)
}

// maskedMail keeps the first letter of the two parts and the top-level domain:
// enough to recognize one's own address.
func maskedMail(mail string) string {
	local, domain, ok := strings.Cut(mail, "@")
	if !ok || local == "" || domain == "" {
		return ""
	}
	first := func(s string) string { return string([]rune(s)[:1]) }
	out := first(local) + "***@" + first(domain) + "***"
	if i := strings.LastIndexByte(domain, '.'); i > 0 {
		out += domain[i:]
	}
	return out
}

var _ fmt.Formatter = Login{}
