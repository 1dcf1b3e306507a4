package saltoauth_test

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestResealServiceAccount: the activations of a user without a Connection are also
// sealed again.
func TestResealServiceAccount(t *testing.T) {
	ctx := t.Context()
	sim := saltokstest.New(t, saltokstest.Config{})
	world := sim.World()
	user, site := world.Users[0], world.Sites[0]
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	creds := saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()),
		RedirectURL: sim.RedirectURI()}
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: creds,
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  sim.HTTPClient(),
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: sim.HTTPClient()})
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var keys []saltostate.SealingKey
	for _, text := range []string{"new:MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="} {
		key, err := saltostate.ParseSealingKey(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	store := saltostate.NewMemoryStore()
	with := func(keys ...saltostate.SealingKey) *saltostate.State {
		sealer, err := saltostate.NewSealer(keys...)
		if err != nil {
			t.Fatal(err)
		}
		state, err := saltostate.New(saltostate.Config{Store: store, Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	wizard := func(state *saltostate.State) *saltoremote.Activation {
		remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: state,
			User: saltoks.Identity{Environment: env.Name, Subject: token.Subject}})
		if err != nil {
			t.Fatal(err)
		}
		return remote.Activation()
	}
	at, iq := saltoks.SiteID(site.ID), saltoks.IQID(site.IQs[0].ID)
	if _, err := wizard(with(keys[1])).Begin(ctx, at, iq); err != nil {
		t.Fatal(err)
	}
	if _, err := wizard(with(keys[0])).State(ctx, at, iq); err == nil {
		t.Fatal("opened without its key")
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: creds,
		State:       with(keys...),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.Reseal(ctx, token.Subject); err != nil {
		t.Fatal(err)
	}
	state, err := wizard(with(keys[0])).State(ctx, at, iq)
	if err != nil || state.Step != saltoremote.StepSecretStored {
		t.Errorf("got %s, %v", state.Step, err)
	}
}
