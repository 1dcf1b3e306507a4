package saltoauth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func TestFromOAuth2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &countingSource{life: time.Hour}
		ts := saltoauth.FromOAuth2(src)
		get := func(want string) {
			t.Helper()
			tok, err := ts.Token(t.Context())
			if err != nil || tok.Access.Reveal() != want {
				t.Errorf("%q, %v; want %q", tok.Access.Reveal(), err, want)
			}
		}
		get("t1")
		time.Sleep(50 * time.Minute)
		get("t1")
		time.Sleep(5 * time.Minute)
		get("t2")
		_ = ts.(saltoks.Rejecter).Reject(t.Context(), saltoks.Token{Access: saltoks.NewSecret("t2")})
		get("t3")

		time.Sleep(2 * time.Hour)
		src.delay = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := ts.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 50*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := ts.(saltoks.Waiter).Wait(t.Context()); err != nil {
			t.Error(err)
		}
		get("t4")

		time.Sleep(2 * time.Hour)
		src.delay, src.err = 0, &oauth2.RetrieveError{ErrorCode: "invalid_grant", Body: []byte("planted")}
		if _, err := ts.Token(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
		src.err = fmt.Errorf("planted")
		if _, err := ts.Token(t.Context()); err == nil || errors.Is(err, saltoks.ErrReauthorize) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
		if _, err := saltoauth.FromOAuth2(nil).Token(t.Context()); err == nil {
			t.Error("no source, no error")
		}
	})
}

type countingSource struct {
	n     int
	life  time.Duration
	delay time.Duration
	err   error
}

func (c *countingSource) Token() (*oauth2.Token, error) {
	time.Sleep(c.delay)
	if c.err != nil {
		return nil, c.err
	}
	c.n++
	return &oauth2.Token{AccessToken: fmt.Sprintf("t%d", c.n), Expiry: time.Now().Add(c.life)}, nil
}
