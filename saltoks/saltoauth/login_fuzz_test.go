package saltoauth

import (
	"errors"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// FuzzOpenLogin: only what was sealed can be opened, and an error quotes nothing of the
// input.
func FuzzOpenLogin(f *testing.F) {
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		f.Fatal(err)
	}
	auth, err := NewAuthorizer(Config{
		Environment: mockEnv,
		Credentials: Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"},
		State:       state,
	})
	if err != nil {
		f.Fatal(err)
	}
	secret := func(text string) storedsecret.Secret { return storedsecret.New(saltoks.NewSecret(text)) }
	login := Login{pending: pendingLogin{
		Expires: time.Now().Add(time.Hour), State: secret("state"), Nonce: secret("nonce"), Verifier: secret("verifier"),
	}}
	sealed, err := auth.SealLogin(f.Context(), login, "tenant")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, "tenant")
	f.Add(sealed, "another")
	f.Add(sealed[:len(sealed)-4], "tenant")
	f.Add("cGxhbnRlZA.cGxhbnRlZA", "tenant")
	f.Add(".", "")
	f.Add(sealed[:20]+"\n"+sealed[20:], "tenant") // base64 skips it
	for _, c := range "ABCDEFGH" {                // base64 skips the last letter's spare bits
		f.Add(sealed[:len(sealed)-1]+string(c), "tenant")
		f.Add(sealed[:20]+string(c)+sealed[20:], "tenant")
	}
	f.Fuzz(func(t *testing.T, text, bind string) {
		opened, err := auth.OpenLogin(t.Context(), text, bind)
		switch {
		case text == sealed && bind == "tenant":
			if err != nil || !opened.pending.State.Equal(login.pending.State.Secret) {
				t.Errorf("%v", err)
			}
		case err == nil:
			t.Errorf("%q opens for %q", text, bind)
		case !errors.Is(err, ErrStateMismatch) && !errors.Is(err, ErrLoginExpired):
			t.Errorf("got %v", err)
		}
	})
}
