package saltoauth

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks"
)

// FromOAuth2 returns a TokenSource that uses an oauth2.TokenSource of the host.
// src is called again when a tenth of the token's lifetime, counted from when
// src returned the token, is left, and after a 401. Each caller waits at most
// until its own context ends, although src.Token takes no context. The token's
// subject is not known.
//
// If several processes use the same credentials, src must coordinate them:
// sources of golang.org/x/oauth2 that rotate refresh tokens do not. For a
// consent, use an Authorizer instead.
func FromOAuth2(src oauth2.TokenSource) saltoks.TokenSource {
	s := &oauth2Tokens{src: src}
	s.refresher.now = time.Now
	s.refresher.fetch = s.fetch
	return s
}

type oauth2Tokens struct {
	refresher
	src oauth2.TokenSource
}

func (s *oauth2Tokens) fetch(context.Context, saltoks.Secret) (held, error) {
	if s.src == nil {
		return held{}, errors.New("saltoks: the source passed to FromOAuth2 is nil")
	}
	t, err := s.src.Token()
	if err != nil {
		return held{}, sourceError(err, s.refresher.now())
	}
	if t == nil || t.AccessToken == "" {
		return held{}, &IdentityError{Op: "oauth2 source", What: "it returned no token"}
	}
	now := s.refresher.now()
	return newHeld(saltoks.Token{Access: saltoks.NewSecret(t.AccessToken), Expiry: t.Expiry}, now, now), nil
}

// sourceError keeps the server's status and error code. It drops the text of
// err, which may hold a body.
func sourceError(err error, now time.Time) error {
	re, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return networkError("oauth2 source", "", err)
	}
	e := &IdentityError{Op: "oauth2 source", Code: oauthCode(re.ErrorCode), What: "refused"}
	if re.Response != nil {
		e = refusal("oauth2 source", "", re.Response, e.Code, now)
	}
	if e.Code == "invalid_grant" {
		return reauthorize(e)
	}
	return e
}
