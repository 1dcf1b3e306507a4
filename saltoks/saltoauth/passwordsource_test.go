package saltoauth

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestAFreshPasswordTokenIsNotGrantedAgain: an API that refuses everything does
// not make us log in at every tap.
func TestAFreshPasswordTokenIsNotGrantedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := saltokstest.New(t, saltokstest.Config{})
		user := sim.World().Users[0]
		env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()}
		ts, err := PasswordSource(PasswordConfig{
			Environment: env,
			Credentials: Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
			User:        user.Email,
			Password:    FixedPassword(saltoks.NewSecret(user.Password)),
			HTTPClient:  sim.HTTPClient(),
			Now:         sim.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		first, err := ts.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := ts.(saltoks.Rejecter).Reject(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if _, err := ts.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "granted a moment ago") {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(time.Minute)
		if next, err := ts.Token(t.Context()); err != nil || next.Access.Equal(first.Access) {
			t.Errorf("a minute later: %v", err)
		}
	})
}
