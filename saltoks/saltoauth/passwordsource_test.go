package saltoauth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestPasswordSource(t *testing.T) {
	d := newHost(t)
	u := d.sim.World().Users[0]
	asked := 0
	password := u.Password
	ts, err := saltoauth.PasswordSource(d.passwordConfig(func(context.Context) (saltoks.Secret, error) {
		asked++
		return saltoks.NewSecret(password), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := ts.Token(t.Context())
	if err != nil || first.Subject != u.Subject {
		t.Fatalf("%v, %v", first, err)
	}
	for range 5 {
		if again, err := ts.Token(t.Context()); err != nil || !again.Access.Equal(first.Access) {
			t.Errorf("%v, %v", again, err)
		}
	}
	d.sim.Clock().Advance(2 * time.Hour)
	if second, err := ts.Token(t.Context()); err != nil || second.Access.Equal(first.Access) {
		t.Errorf("%v, %v", second, err)
	}
	if asked != 2 || d.tokenRequests() != 2 {
		t.Errorf("asked %d times, %d requests", asked, d.tokenRequests())
	}
	// A wrong password is sent once per pause, so that no account is locked.
	password = "planted-wrong-password"
	d.sim.Clock().Advance(2 * time.Hour)
	for range 10 {
		_, err := ts.Token(t.Context())
		if !errors.Is(err, saltoks.ErrReauthorize) || !strings.Contains(err.Error(), "user and password") ||
			strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
	}
	if d.tokenRequests() != 3 {
		t.Errorf("%d requests", d.tokenRequests())
	}
	password = u.Password
	d.sim.Clock().Advance(5 * time.Second)
	if _, err := ts.Token(t.Context()); err != nil {
		t.Error(err)
	}
	if d.store.documents() != 0 || strings.Contains(d.log.String(), "planted") {
		t.Errorf("%d documents; log:\n%s", d.store.documents(), d.log.String())
	}
	_, err = saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: saltoks.Environment{},
		Credentials: saltoauth.Credentials{},
	})
	for _, want := range []string{"Environment.Name", "Environment.Issuer", "Environment.API", "Credentials.ClientID",
		"PasswordConfig.User", "PasswordConfig.Password"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}

// TestPasswordSourceThroughAnOutage: a valid token is still returned, few requests are
// made, and the pause ends with the first success.
func TestPasswordSourceThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHost(t)
		u := d.sim.World().Users[0]
		ts, err := saltoauth.PasswordSource(d.passwordConfig(saltoauth.FixedPassword(saltoks.NewSecret(u.Password))))
		if err != nil {
			t.Fatal(err)
		}
		old, err := ts.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(55 * time.Minute)
		d.sim.ForgetRequests()
		d.sim.Fault(saltokstest.IdentityOutage)
		for range 24 { // four minutes: still valid
			if got, err := ts.Token(t.Context()); err != nil || !got.Access.Equal(old.Access) {
				t.Errorf("%v, %v", got, err)
			}
			time.Sleep(10 * time.Second)
		}
		time.Sleep(time.Minute)
		for range 24 {
			_, err := ts.Token(t.Context())
			if e, ok := errors.AsType[*saltoauth.IdentityError](err); !ok || !e.Temporary() || e.RetryAt.IsZero() {
				t.Errorf("%v", err)
			}
			time.Sleep(10 * time.Second)
		}
		if n := d.tokenRequests(); n < 3 || n > 8 {
			t.Errorf("%d requests in nine minutes", n)
		}
		d.sim.ClearFaults()
		time.Sleep(5 * time.Minute)
		if got, err := ts.Token(t.Context()); err != nil || got.Access.Equal(old.Access) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestAFreshPasswordTokenIsNotGrantedAgain: an API that rejects every token does not
// cause a password grant at every call.
func TestAFreshPasswordTokenIsNotGrantedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := saltokstest.New(t, saltokstest.Config{})
		user := sim.World().Users[0]
		env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()}
		ts, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
			Environment: env,
			Credentials: saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
			User:        user.Email,
			Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
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

// TestPasswordSourceBehindASlowServer: the pause begins when the grant has failed, however
// long that took.
func TestPasswordSourceBehindASlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHost(t)
		ts, err := saltoauth.PasswordSource(d.passwordConfig(saltoauth.FixedPassword(saltoks.NewSecret("planted"))))
		if err != nil {
			t.Fatal(err)
		}
		d.sim.Fault(saltokstest.Hang, saltokstest.On("/connect/token"))
		for range 3 {
			_, err := ts.Token(t.Context())
			e, ok := errors.AsType[*saltoauth.IdentityError](err)
			if !ok || !errors.Is(err, context.DeadlineExceeded) || time.Until(e.RetryAt) != 5*time.Second {
				t.Errorf("%v", err)
			}
		}
		if d.tokenRequests() != 1 {
			t.Errorf("%d requests", d.tokenRequests())
		}
	})
}
