package saltoauth

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks"
)

// FromOAuth2 makes a TokenSource of an oauth2.TokenSource that the host already
// has. src is asked again when a tenth of the token's lifetime is left, as seen
// when it was handed over, and after a 401. Each caller waits on its own
// context, although src.Token takes none. The token's subject is unknown here.
//
// src must survive several processes on its own: sources of
// golang.org/x/oauth2 that rotate refresh tokens do not. A consent is better
// kept by an Authorizer.
func FromOAuth2(src oauth2.TokenSource) saltoks.TokenSource {
	s := new(oauth2Tokens)
	s.refresher.now = time.Now
	s.refresher.fetch = func(_ context.Context, _ saltoks.Secret) (held, error) {
		if src == nil {
			return held{}, errors.New("saltoks: FromOAuth2 was given no source")
		}
		t, err := src.Token()
		if err != nil {
			e := grantError("oauth2 source", err, time.Now())
			if e.Code == "invalid_grant" {
				return held{}, reauthorize(e)
			}
			return held{}, e
		}
		if t == nil || t.AccessToken == "" {
			return held{}, &IdentityError{Op: "oauth2 source", What: "it gave no token"}
		}
		return newHeld(saltoks.Token{Access: saltoks.NewSecret(t.AccessToken), Expiry: t.Expiry}, time.Now()), nil
	}
	return s
}

type oauth2Tokens struct{ refresher }
