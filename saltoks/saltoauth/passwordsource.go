package saltoauth

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// PasswordSource returns the TokenSource of a backend client. It uses the
// password grant of a dedicated SALTO system user, which SALTO enables per
// client (WIRE.md 1.2). It stores no password: there is no refresh token, so
// c.Password is called for each new token. The subject is the "sub" of the
// access token, whose signature is verified.
//
// PasswordSource makes no request itself. Its error names every fault. If a
// grant fails, Token returns an *IdentityError, and a later call tries again
// after a pause of 5 seconds to 5 minutes. For a wrong user or password, Token
// returns ErrReauthorize with the same pause, so that a mistyped password does
// not lock the account. Several clients may share one source and its token.
func PasswordSource(c PasswordConfig) (saltoks.TokenSource, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	p := &passwordTokens{
		id:   newIdentity(c.Environment, c.Credentials, c.HTTPClient, c.Logger, c.Now),
		user: c.User, password: c.Password,
	}
	p.id.trace = c.TraceRefresh
	p.refresher.now = p.id.now
	p.refresher.fetch = p.fetch
	return p, nil
}

// passwordTokens is fetched by one flight of the refresher at a time.
type passwordTokens struct {
	refresher
	id       *identity
	user     string
	password PasswordFunc

	pause   pause // after grants that failed, the last one with err
	err     error
	granted time.Time
	expiry  time.Time
}

func (p *passwordTokens) fetch(ctx context.Context, rejected saltoks.Secret) (held, error) {
	now := p.id.now()
	if _, paused := p.pause.or(pause{}, now); paused {
		return held{}, p.err
	}
	if until, young := justGranted(p.granted, p.expiry, now); !rejected.IsZero() && young {
		return held{}, errJustGranted("password grant", until)
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	ctx, end := p.id.traceRefresh(ctx)
	h, err := p.grant(ctx)
	end(err)
	now = p.id.now()
	if err == nil {
		p.pause, p.granted, p.expiry = pause{}, now, h.token.Expiry
		return h, nil
	}
	e, ok := errors.AsType[*IdentityError](err)
	if !ok {
		e = new(IdentityError)
	}
	p.pause = p.pause.after(answer{at: now, err: e})
	e.RetryAt, p.err = p.pause.Until, err
	p.id.log.LogAttrs(ctx, slog.LevelWarn, "password grant failed",
		slog.Int("attempt", p.pause.Failed), slog.Time("retry_at", p.pause.Until), slog.String("error", err.Error()))
	return held{}, err
}

func (p *passwordTokens) grant(ctx context.Context) (held, error) {
	// Discovery comes first: if the server does not answer, the password is not
	// fetched.
	if _, err := p.id.oidc.Metadata(ctx); err != nil {
		return held{}, err
	}
	password, err := p.password(ctx)
	if err != nil {
		// The text of the host's error may hold a secret: keep only what errors.Is
		// finds.
		_, cause := networkCause(err)
		return held{}, &IdentityError{Op: "password grant", What: "the PasswordFunc returned no password", cause: cause}
	}
	a := p.id.requestToken(ctx, "password grant", url.Values{
		"grant_type": {"password"}, "username": {p.user}, "password": {password.Reveal()}, "scope": {scopeFull},
	})
	if e := a.err; e != nil && e.Code == "invalid_grant" {
		e.What = "SALTO does not accept this user and password"
		return held{}, reauthorize(e)
	}
	if a.err != nil {
		return held{}, a.err
	}
	c, err := p.id.oidc.VerifyAccessToken(ctx, a.set.Access.Reveal())
	if err != nil {
		return held{}, err
	}
	token := saltoks.Token{Access: a.set.Access.Secret, Expiry: a.set.Expiry, Subject: c.Subject}
	return newHeld(token, a.set.ObtainedAt, p.id.now()), nil
}
