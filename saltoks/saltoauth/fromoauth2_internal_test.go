package saltoauth

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
)

// failingSource gives one token and fails from then on.
type failingSource struct {
	token *oauth2.Token
	asked int
}

func (s *failingSource) Token() (*oauth2.Token, error) {
	if s.asked++; s.asked > 1 {
		return nil, faulttest.ErrHost
	}
	return s.token, nil
}

// TestAFailingSourceIsNotAskedAtEachTap while its last token is good.
func TestAFailingSourceIsNotAskedAtEachTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &failingSource{token: &oauth2.Token{AccessToken: "a", Expiry: time.Now().Add(time.Hour)}}
		ts := FromOAuth2(src)
		for range 2 {
			for range 10 {
				if token, err := ts.Token(t.Context()); err != nil || token.Access.Reveal() != "a" {
					t.Fatalf("%v", err)
				}
			}
			time.Sleep(55 * time.Minute)
		}
		if _, err := ts.Token(t.Context()); err == nil {
			t.Error("a token that is over is given out")
		}
		if src.asked != 3 {
			t.Errorf("asked %d times, want once for the token, once in its last tenth, once after its end", src.asked)
		}
	})
}
